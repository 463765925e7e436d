"""Postgres slow, killed, empty after a crash: the limit holds, no request fails, and sharing comes back by itself."""

import asyncio
import time

import httpx
import pytest

from gateway_tests.conftest import StartGateway, shares_its_limit
from shared.testing.postgres import PostgresServer


async def ask(gateway: httpx.AsyncClient, address: str = "192.0.2.1") -> httpx.Response:
    return await gateway.post("/predict", json={"text": "Hello."}, headers={"X-Forwarded-For": address})


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_without_postgres_a_gateway_starts_and_counts_alone(start_gateway: StartGateway) -> None:
    nobody = "postgresql://gateway:x@127.0.0.1:1/nowhere"
    gateway = await start_gateway(wait_for_postgres=False, database_url=nobody, ingress_limits="2/60s")
    answers = [await ask(gateway) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert {answer.headers["x-ratelimit-scope"] for answer in answers} == {"local"}
    health = (await gateway.get("/health")).json()
    assert health["status"] == "degraded"
    assert health["services"]["gateway"]["components"]["postgres"]["status"] == "down"


async def test_a_postgres_that_hangs_delays_nobody_for_long_and_is_used_again_once_it_answers(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    import psutil

    gateway = await start_gateway(ingress_limits="5/60s")
    processes = [*psutil.Process(postgres_server.pid).children(), psutil.Process(postgres_server.pid)]
    for process in processes:
        process.suspend()
    try:
        answers = await asyncio.gather(*(ask(gateway, f"192.0.2.{number}") for number in range(50)))
    finally:
        for process in processes:
            process.resume()
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-ratelimit-scope"] for answer in answers} == {"local"}
    await until(lambda: shares_its_limit(gateway))
    assert "x-ratelimit-scope" not in (await ask(gateway, "192.0.2.200")).headers


@pytest.mark.faults
async def test_postgres_killed_under_load_causes_no_error_and_no_extra_request(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    """Two gateways, each with clients of its own: at no time more than the quota of each, before, during, after."""
    gateways = [await start_gateway(ingress_limits="40/20s") for _ in range(2)]
    admitted: dict[str, list[float]] = {}
    statuses: set[int] = set()
    refused: set[str] = set()
    scopes: set[str | None] = set()
    done = asyncio.Event()

    async def call(number: int) -> None:
        address = f"192.0.2.{number}"
        while not done.is_set():
            answer = await ask(gateways[number % 2], address)
            statuses.add(answer.status_code)
            scopes.add(answer.headers.get("x-ratelimit-scope"))
            if answer.status_code == 429:
                refused.add(address)
            if answer.status_code == 200:
                admitted.setdefault(address, []).append(time.monotonic())
            await asyncio.sleep(0.005)

    callers = [asyncio.create_task(call(number)) for number in range(8)]
    await asyncio.sleep(0.5)
    postgres_server.kill()
    await until(lambda: all_local(gateways))
    callers += [asyncio.create_task(call(number)) for number in range(8, 16)]  # whom only the stand-in has ever seen
    await until(lambda: everybody(refused))
    await asyncio.to_thread(postgres_server.start_and_wait)
    back = time.monotonic()
    await until(lambda: all_shared(gateways))
    assert time.monotonic() - back < 5
    await asyncio.sleep(0.5)
    done.set()
    await asyncio.gather(*callers)

    assert statuses == {200, 429}
    assert scopes == {None, "local"}
    assert {len(times) for times in admitted.values()} == {40}


async def everybody(refused: set[str]) -> bool:
    return len(refused) == 16


async def all_local(gateways: list[httpx.AsyncClient]) -> bool:
    return not any([await shares_its_limit(gateway) for gateway in gateways])


async def all_shared(gateways: list[httpx.AsyncClient]) -> bool:
    return all([await shares_its_limit(gateway) for gateway in gateways])
