"""Limits of a key: counted for the key, over all gateways and addresses, and not for who else is at its address."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import ask, bearer, make, until
from gateway_tests.process import gateway_process
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer

QUOTA = 25


async def test_20_times_the_quota_with_one_key_over_two_gateways_and_50_addresses_admits_exactly_the_quota(
    upstream: UpstreamServer, database: Database, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(gateway_process(database, upstream, tmp_path)) for _ in range(2)]
        made = await make(gateways[0], limits=f"{QUOTA}/60s")

        async def is_known() -> bool:
            return (await gateways[1].get("/models", headers=bearer(made["key"]))).status_code == 200

        await until(is_known)
        upstream.requests.clear()
        statuses = await asyncio.gather(
            *(ask(gateways[number % 2], made["key"], address=f"192.0.2.{number % 50}") for number in range(20 * QUOTA))
        )
    assert statuses.count(200) == QUOTA
    assert len(upstream.requests) == QUOTA
    assert set(statuses) == {200, 429}


async def test_a_key_with_limits_and_its_neighbours_take_nothing_from_each_other(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="2/60s")
    limited, other = await make(gateway, "limited", limits="3/60s"), await make(gateway, "other", limits="1/60s")
    without = await make(gateway, "without")
    assert [await ask(gateway, limited["key"]) for _ in range(5)] == [200] * 3 + [429] * 2
    assert [await ask(gateway, other["key"]) for _ in range(2)] == [200, 429]
    assert [await ask(gateway, without["key"]) for _ in range(2)] == [200, 200]
    alone = await gateway.post("/predict", headers={"X-Forwarded-For": "192.0.2.1"})
    assert alone.status_code == 429
    assert await ask(gateway, without["key"], address="192.0.2.2") == 200


async def test_responses_tell_the_limits_of_the_key(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, limits="2/1m, 100/d")
    assert made["limits"] == "2/60s,100/86400s"
    admitted, _, refused = [await gateway.post("/predict", headers=bearer(made["key"])) for _ in range(3)]
    assert admitted.headers["ratelimit-policy"] == '"ingress-60s";q=2;w=60, "ingress-86400s";q=100;w=86400'
    assert admitted.headers["ratelimit"].startswith('"ingress-60s";r=1;')
    assert refused.status_code == 429
    assert refused.json()["violated-policies"] == ["ingress-60s"]
    assert 1 <= int(refused.headers["retry-after"]) <= 61


async def test_other_limits_hold_at_once_and_for_who_was_refused_too(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, limits="1/60s")
    path = f"/keys/{made['key_id']}"
    assert [await ask(gateway, made["key"]) for _ in range(3)] == [200, 429, 429]
    for limits, quota in (("3/60s", 3), (None, 60)):
        made |= (await gateway.patch(path, json={"revision": made["revision"], "limits": limits}, headers=ADMIN)).json()
        statuses = [await ask(gateway, made["key"]) for _ in range(quota + 1)]
        assert statuses == [200] * quota + [429]
    assert made["limits"] is None


async def test_both_secrets_of_a_key_count_together(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, limits="4/60s")
    rotated = (
        await gateway.post(f"/keys/{made['key_id']}/rotate", json={"revision": made["revision"]}, headers=ADMIN)
    ).json()
    statuses = [await ask(gateway, key) for _ in range(3) for key in (made["key"], rotated["key"])]
    assert statuses == [200] * 4 + [429] * 2


async def test_without_postgres_each_gateway_counts_the_key_alone(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    gateway = await start_gateway()
    made = await make(gateway, limits="3/60s")
    assert await ask(gateway, made["key"]) == 200
    postgres_server.kill()
    try:
        assert [await ask(gateway, made["key"], address=f"192.0.2.{n}") for n in range(4)] == [200, 200, 429, 429]
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)


@pytest.mark.parametrize(
    "limits", ["", "60", "0/1s", "1/2d", "1/1s,2/1s", "write:1/1s", "read:1/1s,read:2/1s", "x" * 201, 60]
)
async def test_limits_that_make_no_sense_are_refused(gateway: httpx.AsyncClient, limits: object) -> None:
    body = {"name": "a", "rights": ["predict"], "limits": limits}
    refused = await gateway.post("/keys", json=body, headers=ADMIN)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"].startswith("body.limits")
