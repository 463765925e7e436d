"""ANONYMOUS: what callers without a key may do, and that the admin token opens all of it."""

import httpx
import pytest

from gateway_tests.conftest import StartGateway
from gateway_tests.keys import ask, bearer, make
from shared.testing.admin import ADMIN

FREE = [("GET", "/"), ("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/console")]
PREDICTING = [("POST", "/predict"), ("POST", "/predict/batch"), ("POST", "/v2/models/a/infer")]
MODELS = [("GET", "/models"), ("GET", "/v2"), ("GET", "/v2/models/a")]
OTHERS = [
    ("POST", "/metrics/aggregated"),
    ("GET", "/metrics/count"),
    ("GET", "/metrics/thresholds"),
    ("POST", "/feedback"),
    ("POST", "/analyze/performance"),
]


async def statuses(
    gateway: httpx.AsyncClient, requests: list[tuple[str, str]], headers: dict[str, str] | None = None
) -> set[int]:
    return {
        (await gateway.request(method, path, headers=headers, follow_redirects=True)).status_code
        for method, path in requests
    }


@pytest.mark.parametrize(
    ("mode", "opened", "closed"),
    [
        ("allow", FREE + PREDICTING + MODELS + OTHERS, []),
        ("predict", FREE + PREDICTING + MODELS, OTHERS),
        ("deny", FREE, PREDICTING + MODELS + OTHERS),
    ],
)
async def test_each_mode_opens_what_it_says(
    start_gateway: StartGateway, mode: str, opened: list[tuple[str, str]], closed: list[tuple[str, str]]
) -> None:
    gateway = await start_gateway(anonymous=mode)
    assert await statuses(gateway, opened) == {200}
    assert await statuses(gateway, closed) <= {401}
    assert await statuses(gateway, closed, {"Authorization": "Basic YWRtaW46"}) <= {401}
    assert await statuses(gateway, closed, {"X-API-Key": "other"}) <= {401}
    assert await statuses(gateway, opened + closed, ADMIN) == {200}
    key = (await make(gateway, "all", "predict", "read", "feedback", "analyze"))["key"]
    assert await statuses(gateway, opened + closed, bearer(key)) == {200}


async def test_where_nobody_goes_without_a_key_guesses_are_bounded(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(anonymous="deny", wrong_token_limits="3/60s")
    key = (await make(gateway))["key"]
    assert [await ask(gateway, f"guess-{number}") for number in range(5)] == [401] * 3 + [429] * 2
    assert await statuses(gateway, PREDICTING, ADMIN | {"X-Forwarded-For": "192.0.2.1"}) == {429}
    assert await statuses(gateway, PREDICTING, ADMIN) == {200}
    assert await ask(gateway, key) == 200


async def test_a_preflight_or_another_method_opens_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(anonymous="deny")
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        assert await statuses(gateway, [(method, "/predict"), (method, "/metrics/count"), (method, "/v2")]) == {401}
