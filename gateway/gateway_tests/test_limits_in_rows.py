"""Limits in rows: a batch of 256 costs 256, known before it is admitted, whatever its form, over all gateways."""

import asyncio
import gzip
import json
import random
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gateway.proxy.row_count import BODIES, rows_in
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make, until
from gateway_tests.process import gateway_process
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

QUOTA = 60
BATCH, INFER = "/predict/batch", "/v2/models/{name}/infer"


def texts(count: int) -> dict:
    return {"texts": ["a"] * count}


def tensor(*shape: int) -> dict:
    return {"inputs": [{"name": "x", "shape": list(shape), "datatype": "FP32", "data": []}]}


@pytest.mark.parametrize(
    ("path", "content", "rows"),
    [
        (BATCH, json.dumps(texts(256)).encode(), 256),
        (BATCH, json.dumps({"rows": [{"x": 1}] * 7, "model_name": "a"}).encode(), 7),
        (BATCH, b"\xef\xbb\xbf" + json.dumps(texts(5)).encode(), 5),
        (BATCH, b'{"texts": ["\\ud800", "a", "b"]}', 3),
        (BATCH, b'{"texts": ["a"], "rows": [{}, {}]}', 2),
        (BATCH, b'{"texts": ["a", "b"], "texts": ["a"]}', 1),  # no service takes it
        (BATCH, b'{"texts": "abc"}', 1),
        (BATCH, b"not json", 1),
        (BATCH, b"", 1),
        (BATCH, b"[1, 2, 3]", 1),
        (BATCH, json.dumps({"texts": [1] * 300_000}).encode(), 1),
        (INFER, json.dumps(tensor(9, 4)).encode(), 9),
        (INFER, json.dumps({"inputs": tensor(3)["inputs"] + tensor(8)["inputs"]}).encode(), 8),
        (INFER, json.dumps(tensor(-1)).encode(), 1),
        (INFER, json.dumps(tensor()).encode(), 1),
        (INFER, json.dumps(tensor(10**30)).encode(), 1_000_001),
        (INFER, b'{"inputs": []}', 1),
    ],
)
def test_rows_of_bodies(path: str, content: bytes, rows: int) -> None:
    assert rows_in(BODIES[path], None)(content) == rows


@pytest.mark.parametrize(("length", "rows"), [(None, 1), ("all", 6), (b"x", 1), (b"9" * 5000, 1), (b"5", 1)])
def test_rows_of_tensors_in_binary_stand_before_them(length: str | bytes | None, rows: int) -> None:
    head = json.dumps(tensor(6)).encode()
    told = str(len(head)).encode() if length == "all" else length
    assert rows_in(BODIES[INFER], told)(head + b"\0" * 24) == rows


async def ask(gateway: httpx.AsyncClient, key: str, count: int, **more: str) -> httpx.Response:
    return await gateway.post("/predict/batch", json=texts(count), headers=bearer(key) | more)


async def test_many_times_the_rows_at_once_over_two_gateways_and_50_addresses_admit_exactly_the_quota(
    upstream: UpstreamServer, database: Database, tmp_path: Path
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sizes = [1] * QUOTA + [size for size in range(1, 41) for _ in range(2)]  # the ones fill whatever is left
    assert sum(sizes) >= 20 * QUOTA
    chance.shuffle(sizes)
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(gateway_process(database, upstream, tmp_path)) for _ in range(2)]
        made = await make(gateways[0], limits=f"{QUOTA}rows/60s")

        async def is_known() -> bool:
            return (await gateways[1].get("/models", headers=bearer(made["key"]))).status_code == 200

        await until(is_known)
        upstream.requests.clear()
        responses = await asyncio.gather(
            *(
                ask(gateways[number % 2], made["key"], size, **{"X-Forwarded-For": f"192.0.2.{number % 50}"})
                for number, size in enumerate(sizes)
            )
        )
        told = await gateways[0].get("/limits", headers=bearer(made["key"]))
    assert {response.status_code for response in responses} == {200, 429}
    passed = [len(json.loads(body)["texts"]) for _, body in upstream.requests]
    assert sum(passed) == QUOTA
    assert told.json()["windows"][0] | {"more_in_seconds": 0} == {
        "name": "ingress-rows", "counts": ["predict"], "unit": "rows", "quota": QUOTA, "seconds": 60, "remaining": 0,
        "more_in_seconds": 0,
    }  # fmt: skip


async def test_a_batch_beyond_what_is_left_is_refused_whole_with_what_is_left(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    key = (await make(gateway, limits="10rows/60s,100/60s"))["key"]
    admitted = await ask(gateway, key, 7)
    assert admitted.headers["ratelimit-policy"] == '"ingress-60s";q=100;w=60, "ingress-rows-60s";q=10;w=60;qu="rows"'
    assert '"ingress-rows-60s";r=3;' in admitted.headers["ratelimit"]
    refused = await ask(gateway, key, 4)
    assert refused.status_code == 429
    problem = refused.json()
    assert (problem["rows"], problem["rows_left"]) == (4, 3)
    assert problem["violated-policies"] == ["ingress-rows-60s"]
    assert "This has 4 rows, and 3 are left" in problem["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert (await ask(gateway, key, 3)).status_code == 200
    assert (await gateway.post("/predict", json={"text": "a"}, headers=bearer(key))).status_code == 429
    never = await ask(gateway, key, 11)
    assert never.status_code == 413
    assert never.json()["type"] == "urn:problem-type:batch-beyond-limit"
    assert (never.json()["rows"], never.json()["violated-policies"]) == (11, ["ingress-rows-60s"])
    assert "retry-after" not in never.headers
    assert [len(json.loads(body)["texts"]) for _, body in upstream.requests] == [7, 3]


async def test_bodies_pass_as_they_came(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    key = (await make(gateway, limits="1000rows/60s"))["key"]
    large = json.dumps({"texts": [random.Random(n).randbytes(4500).hex() for n in range(200)]}).encode()
    small = json.dumps(texts(3)).encode()
    compressed = {"Content-Encoding": "gzip"}

    async def pieces():
        for start in range(0, len(large), 50_000):
            yield large[start : start + 50_000]

    bodies = [(large, {}), (gzip.compress(large), compressed), (small, {}), (gzip.compress(small), compressed)]
    left = []
    for content, more in [*bodies, (pieces(), {})]:
        headers = bearer(key) | {"Content-Type": "application/json"} | more
        response = await gateway.post("/predict/batch", content=content, headers=headers)
        assert response.status_code == 200, response.text
        left.append(int(response.headers["x-ratelimit-remaining"]))
    assert left == [800, 600, 597, 594, 394]
    assert [body for _, body in upstream.requests] == [large, large, small, small, large]  # inflated by its server
    infer = await gateway.post("/v2/models/a/infer", json=tensor(94, 2), headers=bearer(key))
    assert infer.headers["x-ratelimit-remaining"] == "300"
    wrong = await gateway.post("/predict/batch", content=b"\0", headers=bearer(key) | compressed)
    assert wrong.status_code == 400
    too_large = await gateway.post("/predict/batch", content=b"x" * 12_582_913, headers=bearer(key))
    assert too_large.status_code == 413
    assert len(upstream.requests) == 6


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-ndjson"])
async def test_streams_are_for_keys_without_rows(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, media_type: str
) -> None:
    rows, requests = await make(gateway, "rows", limits="10rows/60s"), await make(gateway, "requests", limits="9/60s")
    body = {"content": b"text\na\n", "headers": {"Content-Type": media_type}}
    refused = await gateway.post("/predict/batch", **body | {"headers": body["headers"] | bearer(rows["key"])})
    assert refused.status_code == 415
    assert refused.json()["type"] == "urn:problem-type:rows-unknown"
    passed = await gateway.post("/predict/batch", **body | {"headers": body["headers"] | bearer(requests["key"])})
    assert passed.status_code == 200
    assert len(upstream.requests) == 1


async def test_a_dry_run_lets_all_of_it_pass(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_dry_run=True)
    key = (await make(gateway, limits="5rows/60s"))["key"]
    responses = [await ask(gateway, key, size) for size in (5, 1, 6)]
    csv = bearer(key) | {"Content-Type": "text/csv"}
    responses.append(await gateway.post("/predict/batch", content=b"text\na\n", headers=csv))
    assert {response.status_code for response in responses} == {200}
    assert [response.headers.get("x-ratelimit-dry-run") for response in responses] == [None] + ["refused"] * 3


@pytest.mark.parametrize("limits", ["feedback:1/60s", "read:1/60s,analyze:1/60s"])
async def test_limits_that_change_while_a_body_comes_and_count_it_no_more_let_it_pass(
    gateway: httpx.AsyncClient, limits: str
) -> None:
    made = await make(gateway, limits="9rows/60s")
    body = json.dumps(texts(2)).encode()
    head = (
        f"POST /predict/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-API-Key: {made['key']}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(gateway.base_url.host, gateway.base_url.port)
    writer.write(head.encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")  # its rows are about to be counted
    change = {"revision": made["revision"], "limits": limits}
    assert (await gateway.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN)).status_code == 200
    writer.write(body)
    response = await reader.read()
    writer.close()
    assert response.startswith(b"HTTP/1.1 200")
    assert b"ratelimit" not in response.lower()
