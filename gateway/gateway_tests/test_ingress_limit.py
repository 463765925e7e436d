"""The limit as clients meet it: over HTTP, through Postgres, over several gateways."""

import asyncio
import math
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.process import gateway_process
from shared.testing.postgres import Database

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def caller(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def ask(gateway: httpx.AsyncClient, address: str = "192.0.2.1", path: str = "/predict") -> httpx.Response:
    return await gateway.post(path, json={"text": "Hello."}, headers=caller(address))


async def test_the_61st_request_within_60_seconds_is_refused(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    answers = [await ask(gateway) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:60]] == [str(n) for n in range(59, -1, -1)]
    assert len(upstream.requests) == 60
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == QUOTA_EXCEEDED
    assert refused.json()["violated-policies"] == ["ingress"]
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["ratelimit-policy"] == '"ingress";q=60;w=60'
    assert refused.headers["ratelimit"] == f'"ingress";r=0;t={refused.headers["retry-after"]}'
    assert "x-ratelimit-scope" not in refused.headers
    assert (await ask(gateway, "192.0.2.2")).status_code == 200


async def test_what_is_not_limited_says_nothing_of_limits(gateway: httpx.AsyncClient) -> None:
    for path in ("/models", "/metrics/count", "/", "/docs"):
        answer = await gateway.get(path)
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers


async def test_all_limited_paths_share_one_count(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="3/60s")
    paths = ["/predict", "/predict/batch", "/analyze/performance", "/predict"]
    assert [(await ask(gateway, path=path)).status_code for path in paths] == [200, 200, 200, 429]


async def test_several_windows_must_all_have_room(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="2/1s,3/60s")
    first = await ask(gateway)
    assert first.headers["ratelimit-policy"] == '"ingress-1s";q=2;w=1, "ingress-60s";q=3;w=60'
    await ask(gateway)
    refused = await ask(gateway)
    assert refused.status_code == 429
    assert refused.json()["violated-policies"] == ["ingress-1s"]
    assert refused.headers["retry-after"] in ("1", "2")
    await asyncio.sleep(int(refused.headers["retry-after"]))
    assert (await ask(gateway)).status_code == 200
    assert "ingress-60s" in (await ask(gateway)).json()["violated-policies"]


async def test_20_times_the_quota_at_once_over_two_gateway_processes_admits_exactly_the_quota(
    upstream: UpstreamServer, database: Database, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(gateway_process(database, upstream, tmp_path, INGRESS_LIMITS="25/60s"))
            for _ in range(2)
        ]
        answers = await asyncio.gather(*(ask(gateways[number % 2]) for number in range(500)))
    assert sum(answer.status_code == 200 for answer in answers) == 25
    assert len(upstream.requests) == 25
    assert {answer.status_code for answer in answers} == {200, 429}


async def test_each_refusal_has_the_id_of_its_own_request(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    path = '/v2/models/"request_id":"ingress-60s"/infer'
    await ask(gateway, path=path)
    for request_id in ("ingress-60s", "quota-exceeded", "00000000"):
        headers = caller("192.0.2.1") | {"X-Request-ID": request_id}
        refused = await gateway.post(path, json={}, headers=headers)
        assert refused.status_code == 429
        assert refused.json()["request_id"] == request_id
        assert refused.json()["instance"] == path
        assert refused.json()["violated-policies"] == ["ingress"]


async def test_ipv6_neighbours_of_one_64_are_one_client(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="2/60s")
    addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8::3", "2001:db8:0:1::1"]
    assert [(await ask(gateway, address)).status_code for address in addresses] == [200, 200, 429, 200]


async def test_state_per_client_is_one_row_of_fixed_size(start_gateway: StartGateway, database: Database) -> None:
    gateway = await start_gateway(ingress_limits="1000/60s")
    await asyncio.gather(*(ask(gateway) for _ in range(200)))
    ((rows, size),) = await database.fetch(
        "SELECT count(*), max(pg_column_size(client.*)) FROM gateway.ingress_client AS client"
    )
    assert rows == 1
    assert size < 600
    ((persistence,),) = await database.fetch(
        "SELECT relpersistence::text FROM pg_class WHERE oid = 'gateway.ingress_client'::regclass"
    )
    assert persistence == "u"


async def test_refusals_after_the_first_need_no_question_to_postgres(
    start_gateway: StartGateway, database: Database
) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    await ask(gateway)
    await ask(gateway)
    before = await decisions_in_postgres(gateway)
    answers = [await ask(gateway) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {429}
    assert await decisions_in_postgres(gateway) == before


async def decisions_in_postgres(gateway: httpx.AsyncClient) -> float:
    """How many decisions this process has had from Postgres."""
    from prometheus_client import REGISTRY

    samples = [REGISTRY.get_sample_value("ingress_decisions_total", {"outcome": outcome, "source": "postgres"})
               for outcome in ("admitted", "refused")]  # fmt: skip
    return math.fsum(sample or 0 for sample in samples)


async def test_inference_by_the_open_protocol_is_limited_and_its_clients_can_read_why(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    infer = "/v2/models/sentiment-lexicon/infer"
    assert (await ask(gateway, path=infer)).status_code == 200
    refused = await ask(gateway, path=infer)
    assert refused.status_code == 429
    assert refused.json()["error"] == refused.json()["detail"]
    for path in ("/v2", "/v2/", "/v2/health/ready", "/v2/models/sentiment-lexicon"):
        assert (await gateway.get(path, headers=caller("192.0.2.1"))).status_code == 200
