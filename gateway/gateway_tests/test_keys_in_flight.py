"""The most requests in flight of a key: over all gateways and addresses, also after one of them was killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from gateway.keys import follower
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make, until
from gateway_tests.process import gateway_server
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer

MOST = 7


class Gate:
    """A handler of the upstream that answers once it is opened, and knows how many wait."""

    def __init__(self) -> None:
        self.open, self.inside, self.most = asyncio.Event(), 0, 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return web.json_response({})


@pytest.fixture
def gate(upstream: UpstreamServer) -> Gate:
    upstream.handler = gate = Gate()
    return gate


async def predict(gateway: httpx.AsyncClient, key: str, address: str = "192.0.2.1") -> httpx.Response:
    return await gateway.post("/predict", json={}, headers=bearer(key) | {"X-Forwarded-For": address})


@asynccontextmanager
async def in_flight(gate: Gate, gateway: httpx.AsyncClient, key: str, count: int) -> AsyncIterator[list[asyncio.Task]]:
    """So many more requests at the upstream."""
    wanted = gate.inside + count
    tasks = [asyncio.create_task(predict(gateway, key)) for _ in range(count)]

    async def are_there() -> bool:
        return gate.inside == wanted

    await until(are_there)
    try:
        yield tasks
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


async def knows(gateway: httpx.AsyncClient, key: str) -> bool:
    return (await gateway.get("/limits", headers=bearer(key))).json().get("max_in_flight") is not None


async def test_20_times_as_many_at_once_over_two_gateways_are_as_many_as_there_may_be(
    start_gateway: StartGateway, gate: Gate
) -> None:
    gateways = [await start_gateway(ingress_limits="off") for _ in range(2)]
    made = await make(gateways[0], max_in_flight=MOST)
    assert made["max_in_flight"] == MOST
    await until(lambda: knows(gateways[1], made["key"]))
    tasks = [
        asyncio.create_task(predict(gateways[number % 2], made["key"], f"192.0.2.{number % 50}"))
        for number in range(20 * MOST)
    ]

    async def all_others_are_refused() -> bool:
        return sum(task.done() for task in tasks) == 19 * MOST

    await until(all_others_are_refused)
    assert gate.inside == MOST
    refused = [task.result() for task in tasks if task.done()]
    assert {response.status_code for response in refused} == {429}
    problem = refused[0].json()
    assert problem["violated-policies"] == ["in-flight"]
    assert f"This key has {MOST} requests in flight" in problem["detail"]
    told = (await gateways[1].get("/limits", headers=bearer(made["key"]))).json()
    assert told["max_in_flight"] == MOST
    gate.open.set()
    responses = await asyncio.gather(*tasks)
    assert sum(response.status_code == 200 for response in responses) == MOST
    again = await asyncio.gather(*(predict(gateways[number % 2], made["key"]) for number in range(MOST)))
    assert {response.status_code for response in again} == {200}
    assert gate.most == MOST


async def test_one_after_the_other_finds_the_only_place_free_on_whichever_gateway(
    start_gateway: StartGateway, gate: Gate
) -> None:
    gateways = [await start_gateway(ingress_limits="off") for _ in range(2)]
    made = await make(gateways[0], max_in_flight=1)
    await until(lambda: knows(gateways[1], made["key"]))
    gate.open.set()
    for number in range(30):
        assert (await predict(gateways[number % 2], made["key"])).status_code == 200
    assert gate.most == 1


async def test_places_of_a_gateway_that_is_killed_come_back(
    database: Database, upstream: UpstreamServer, gate: Gate, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(gateway_server(database, upstream, tmp_path, INGRESS_LIMITS="off"))
            for _ in range(2)
        ]
        killed, alive = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=30))
            for process in processes
        ]
        made = await make(killed, max_in_flight=3)
        await until(lambda: knows(alive, made["key"]))
        async with in_flight(gate, killed, made["key"], 2) as lost, in_flight(gate, alive, made["key"], 1):
            assert (await predict(alive, made["key"])).status_code == 429
            processes[0].kill()
            assert all(isinstance(end, httpx.HTTPError) for end in await asyncio.gather(*lost, return_exceptions=True))
            assert (await predict(alive, made["key"])).status_code == 429  # nobody knows yet
            gate.open.set()

            async def all_places_are_free() -> bool:
                gate.open.clear()
                tasks = [asyncio.create_task(predict(alive, made["key"])) for _ in range(3)]
                while not any(task.done() for task in tasks) and gate.inside < 3:
                    await asyncio.sleep(0.02)
                gate.open.set()
                return {response.status_code for response in await asyncio.gather(*tasks)} == {200}

            await until(all_places_are_free)


async def test_without_postgres_each_gateway_counts_alone(
    start_gateway: StartGateway, gate: Gate, postgres_server: PostgresServer
) -> None:
    gateway = await start_gateway(ingress_limits="off")
    made = await make(gateway, max_in_flight=2)
    async with in_flight(gate, gateway, made["key"], 1):
        postgres_server.kill()
        try:
            async with in_flight(gate, gateway, made["key"], 1):
                assert (await predict(gateway, made["key"])).status_code == 429
                gate.open.set()
        finally:
            await asyncio.to_thread(postgres_server.start_and_wait)


async def test_the_bound_can_be_changed_and_is_not_of_what_the_gateway_answers_itself(
    start_gateway: StartGateway, gate: Gate
) -> None:
    gateway = await start_gateway(ingress_limits="off")
    made = await make(gateway, max_in_flight=1)
    async with in_flight(gate, gateway, made["key"], 1):
        assert (await predict(gateway, made["key"])).status_code == 429
        assert (await gateway.get("/limits", headers=bearer(made["key"]))).status_code == 200
        change = {"revision": made["revision"], "max_in_flight": 2}
        changed = await gateway.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN)
        assert changed.json()["max_in_flight"] == 2
        async with in_flight(gate, gateway, made["key"], 1):
            change = {"revision": changed.json()["revision"], "max_in_flight": None, "limits": "100/60s"}
            changed = await gateway.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN)
            assert (changed.json()["max_in_flight"], changed.json()["limits"]) == (None, "100/60s")
            async with in_flight(gate, gateway, made["key"], 3):
                gate.open.set()


@pytest.mark.parametrize("most", [0, -1, 1_000_001, "5", 1.5])
async def test_bounds_that_make_no_sense_are_refused(start_gateway: StartGateway, most: object) -> None:
    gateway = await start_gateway()
    body = {"name": "a", "rights": ["predict"], "max_in_flight": most}
    refused = await gateway.post("/keys", json=body, headers=ADMIN)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"].startswith("body.max_in_flight")


async def test_who_finds_no_place_is_in_the_usage_of_the_key_as_refused(
    start_gateway: StartGateway, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "USAGE_SECONDS", 0.1)
    gateway = await start_gateway()
    made = await make(gateway, max_in_flight=1)
    async with in_flight(gate, gateway, made["key"], 1):
        assert [(await predict(gateway, made["key"])).status_code for _ in range(2)] == [429, 429]

    async def is_counted() -> bool:
        used = (await gateway.get(f"/keys/{made['key_id']}/usage", headers=ADMIN)).json()["total"]
        return (used["requests"], used["refused"]) == (3, 2)

    await until(is_counted)
