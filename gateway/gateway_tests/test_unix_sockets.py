"""Upstreams that listen on Unix sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from gateway.proxy.address import Address
from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.embedded.ports import free_ports


@asynccontextmanager
async def listening(upstream: UpstreamServer, socket: Path) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_requests_and_our_own_go_over_it(start_gateway: StartGateway, tmp_path: Path) -> None:
    socket, upstream = tmp_path / "service.sock", UpstreamServer(next(free_ports()))  # nobody listens there
    async with listening(upstream, socket):
        everywhere = dict.fromkeys(("prediction_url", "metrics_url", "analytics_url"), f"unix:{socket}")
        gateway = await start_gateway(**everywhere)
        answers = await asyncio.gather(*(gateway.post("/predict?a=1", json={"text": "a" * n}) for n in range(40)))
        assert [answer.status_code for answer in answers] == [200] * 40
        assert {answer.json()["path"] for answer in answers} == {"/predict?a=1"}
        assert {request.host for request, _ in upstream.requests} == {"localhost"}
        health = (await gateway.get("/health")).json()
        assert {service["status"] for service in health["services"].values()} == {"ok"}


async def test_a_socket_without_a_service_is_one_that_cannot_be_reached_until_it_is(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    socket, upstream = tmp_path / "service.sock", UpstreamServer(next(free_ports()))
    gateway = await start_gateway(prediction_url=f"unix:{socket}")
    problem = await gateway.post("/predict", json={"text": "a"})
    assert problem.status_code == 502, "there is none"
    assert problem.json()["detail"] == "The prediction-service cannot be reached at the moment."
    for _ in range(2):
        async with listening(upstream, socket):
            assert await answer_of(gateway) == 200
        socket.touch()
        assert (await gateway.post("/predict", json={"text": "a"})).status_code == 502, "nobody listens"
        socket.unlink()


async def answer_of(gateway: httpx.AsyncClient) -> int:
    """Once the half second is over in which nobody is asked after a failed connection."""
    while (answer := await gateway.post("/predict", json={"text": "a"})).status_code == 502:
        await asyncio.sleep(0.05)
    return answer.status_code


def test_an_address_is_read_as_it_is_written() -> None:
    assert Address.of("http://host:8001/below/") == Address.of("http://host:8001/below")
    assert str(Address.of("http://host:8001/below/").url) == "http://host:8001/below"
    assert Address.of("unix:/run/a service.sock").socket == "/run/a service.sock"


@pytest.mark.parametrize("text", ["unix:", "unix:run/service.sock", "ftp://host", "host:80", "/run/service.sock"])
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"Unix socket|neither http") as error:
        Address.of(text)
    assert "\n" not in str(error.value)
