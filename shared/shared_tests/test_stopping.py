"""What happens between SIGTERM and the end of a process."""

import asyncio
import os
import signal
from collections.abc import Callable

import httpx
import pytest

from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until

Start = Callable[..., ServerProcess]


def client_of(server: ServerProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10)


async def until_not_ready(client: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(5):
        while (answer := await client.get("/health/ready")).status_code == 200:
            await asyncio.sleep(0.02)
    return answer


async def test_after_the_signal_it_is_not_ready_but_goes_on_until_half_of_the_delay_is_over(start: Start) -> None:
    server = start(SHUTDOWN_DELAY_SECONDS="3")
    async with client_of(server) as client, client_of(server) as newcomer:
        in_flight = asyncio.create_task(client.get("/slow?seconds=1"))
        assert (await newcomer.get("/health/ready")).json() == {"ready": True}
        os.kill(server.pid, signal.SIGTERM)
        answer = await until_not_ready(newcomer)
        assert answer.status_code == 503
        assert answer.json() == {"ready": False}
        assert server.accepts()
        answer = await newcomer.get("/slow?seconds=0")
        assert answer.json() == "done"
        assert "connection" not in answer.headers
        assert (await in_flight).json() == "done"


async def test_then_only_those_who_are_connected_are_answered_and_each_answer_closes(start: Start) -> None:
    server = start(SHUTDOWN_DELAY_SECONDS="6")
    async with client_of(server) as client:
        await client.get("/health/ready")
        os.kill(server.pid, signal.SIGTERM)
        await asyncio.to_thread(wait_until, lambda: not server.accepts(), "the door to close")
        answer = await client.get("/slow?seconds=0")
        assert answer.json() == "done"
        assert answer.headers["connection"] == "close"
    await asyncio.to_thread(wait_until, lambda: server.process.poll() == 0, "the end, which nothing holds up")


async def test_without_a_delay_the_door_closes_at_once_and_what_is_in_flight_finishes(start: Start) -> None:
    server = start()
    async with client_of(server) as client:
        in_flight = asyncio.create_task(client.get("/slow?seconds=1.5"))
        assert (await client.get("/health/ready")).status_code == 200
        os.kill(server.pid, signal.SIGTERM)
        await asyncio.to_thread(wait_until, lambda: not server.accepts(), "the door to close")
        assert not in_flight.done()
        assert (await in_flight).json() == "done"


async def test_what_takes_longer_than_the_grace_is_cut_and_the_process_ends(start: Start) -> None:
    server = start(SHUTDOWN_GRACE_SECONDS="1")
    async with client_of(server) as client:
        in_flight = asyncio.create_task(client.get("/slow?seconds=60"))
        assert (await client.get("/health/ready")).status_code == 200
        await asyncio.to_thread(server.stop)
        with pytest.raises(httpx.HTTPError):
            (await in_flight).raise_for_status()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_an_error_and_nothing_that_was_logged_is_lost(
    start: Start, number: signal.Signals
) -> None:
    server = start()
    assert server.stop(number) == 0
    log = server.log.read_text()
    assert "last words" in log
    assert "Traceback" not in log
