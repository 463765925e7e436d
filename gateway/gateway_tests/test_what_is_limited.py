"""The limiter decides by what the upstream would do with a request, not by how its path is spelled."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.routing import OPEN_INFERENCE, OPEN_INFERENCE_INFER, OPEN_INFERENCE_LOAD, ROLLOUT, find_route
from gateway_tests.conftest import StartGateway, UpstreamServer

CALLER = {"X-Forwarded-For": "192.0.2.1"}
WORKS = "/v2/models/sentiment/infer"

SPELLINGS = [
    "/v2/models/sentiment/infer%0A",
    "/v2/models/sentiment/infer%0D%0A",
    "/v2/models/sentiment/infer%00",
    "/v2/models/sentiment/infer%20",
    "/v2/models/sentiment/infer/",
    "/v2/models/sentiment/infer//",
    "/v2/models//sentiment/infer",
    "/v2//models/sentiment/infer",
    "//v2/models/sentiment/infer",
    "/v2/./models/sentiment/infer",
    "/v2/models/x/../sentiment/infer",
    "/v2/%2E/models/sentiment/infer",
    "/v2/models/%2e%2e/infer",
    "/V2/models/sentiment/infer",
    "/v2/models/sentiment/INFER",
    "/v2/models/sentiment/infer;x",
    "/v2/models/sentiment/infer%3Fx",
    "/v2/models/sentiment%0A/infer",
    "/predict%0A",
    "/predict/",
    "//predict",
    "/predict/batch%0A",
    "/PREDICT",
    "/./predict",
]


async def send(gateway: httpx.AsyncClient, method: str, target: str) -> int:
    """The status of a request whose target is sent exactly as it stands here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(
        f"{method} {target} HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-For: 192.0.2.1\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".encode()
    )
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def test_no_other_spelling_is_served_and_none_costs_anything(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    for target in SPELLINGS:
        assert await send(gateway, "POST", target) in {400, 404}, target
    assert upstream.requests == []
    assert await send(gateway, "POST", WORKS) == 200


@pytest.mark.parametrize(
    "target",
    [
        WORKS,
        "/v2/models/sentiment/versions/1.0.0/infer",
        "/v2/models/sentiment%2Finfer",
        "/%76%32/models/sentiment/infer",
        "/v2/models/sentiment/%69nfer",
        "/v2/models/sentiment/infer?x=/v2/health/live",
        "/v2/models/stats/infer",
        "/predict",
        "/%70redict",
        "/predict%2Fbatch",
        "/analyze/performanc%65",
    ],
)
async def test_what_works_upstream_is_limited_however_it_is_encoded(start_gateway: StartGateway, target: str) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    assert [await send(gateway, "POST", target) for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_a_method_that_computes_nothing_costs_nothing(start_gateway: StartGateway, method: str) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    for target in ("/predict", "/predict/batch", "/analyze/performance", WORKS):
        assert await send(gateway, method, target) != 429
    assert await send(gateway, "POST", WORKS) == 200


@pytest.mark.parametrize("target", ["/v2/nowhere", "/v2/models/sentiment/nowhere", "/v2/models", "/v2x", "/nowhere"])
async def test_a_404_costs_nothing_and_reaches_nobody(
    start_gateway: StartGateway, upstream: UpstreamServer, target: str
) -> None:
    gateway = await start_gateway(ingress_limits="1/60s")
    for method in ("POST", "GET", "POST"):
        assert await send(gateway, method, target) == 404
    assert upstream.requests == []
    answer = await gateway.post(target, headers=CALLER)
    assert answer.json()["status"] == 404
    assert ("error" in answer.json()) == target.startswith("/v2")


FREE = [
    "/v2",
    "/v2/",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/stats",
    "/v2/models/a",
    "/v2/models/a/ready",
    "/v2/models/a/stats",
    "/v2/models/a/versions/1.0.0",
    "/v2/models/a/versions/1.0.0/ready",
    "/v2/models/a/versions/1.0.0/stats",
    "/v2/repository/index",
    "/v2/repository/models/a/load",
    "/v2/repository/models/a/unload",
]


@pytest.mark.parametrize("path", FREE)
def test_the_rest_of_the_protocol_is_free(path: str) -> None:
    assert find_route(path) is (OPEN_INFERENCE_LOAD if path.endswith("load") else OPEN_INFERENCE)


@pytest.mark.parametrize(
    ("path", "is_routed"),
    [
        ("/models/a/rollout", True), ("/models/a/rollout/promote", True), ("/models/a/rollout/history", True),
        ("/models/a", False), ("/models/", False), ("/models/rollout", False), ("/models/a/rollout/", False),
        ("/models/../rollout", False), ("/models/a/b/rollout", False), ("/models/a/rollout/drop", False),
        ("/models/a\n/rollout", False),
    ],
)  # fmt: skip
def test_rollouts_are_routed_as_they_are_spelled(path: str, is_routed: bool) -> None:
    assert (find_route(path) is ROLLOUT) == is_routed


pieces = st.sampled_from(
    [
        "v2",
        "models",
        "a",
        "infer",
        "versions",
        "1.0.0",
        "ready",
        "load",
        "..",
        ".",
        "",
        "\n",
        "repository",
        "INFER",
        "é",
    ]
)


@given(st.lists(pieces, max_size=7).map(lambda parts: "/" + "/".join(parts)))
def test_only_what_is_known_to_be_free_is_free(path: str) -> None:
    """The same decision in other words: by segments, without a pattern."""
    route, (_, *segments) = find_route(path), path.split("/")
    if any(segment in {"", ".", "..", "\n"} for segment in segments[:-1] if len(segments) > 1):
        assert route is None
    if route is OPEN_INFERENCE:
        assert segments[0] == "v2"
        assert segments[-1] != "infer" or (segments[1:2] == ["models"] and len(segments) in {3, 5})
    if route is OPEN_INFERENCE_INFER:
        assert segments[:2] == ["v2", "models"]
        assert segments[-1] == "infer"
        assert len(segments) in {4, 6}
