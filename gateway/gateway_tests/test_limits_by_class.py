"""Limits of a class of requests: of addresses and of keys, beside those that count everything together."""

import httpx

from gateway_tests.conftest import StartGateway
from gateway_tests.keys import bearer, make
from shared.testing.admin import ADMIN

PREDICT, FEEDBACK, REPORT = ("POST", "/predict"), ("POST", "/feedback"), ("POST", "/analyze/performance")
INFER, READ = ("POST", "/v2/models/a/infer"), ("GET", "/metrics/count")
AGGREGATES, RECORD = ("POST", "/metrics/aggregated"), ("GET", "/predictions")


async def ask(gateway: httpx.AsyncClient, what: tuple[str, str], headers: dict[str, str] | None = None) -> int:
    method, path = what
    response = await gateway.request(method, path, headers={"X-Forwarded-For": "192.0.2.1"} | (headers or {}))
    return response.status_code


async def test_each_class_has_its_own_room_within_that_of_all(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="4/60s,predict:2/60s,analyze:1/60s,read:3/60s")
    assert [await ask(gateway, what) for what in (PREDICT, INFER, PREDICT, INFER)] == [200, 200, 429, 429]
    assert [await ask(gateway, REPORT) for _ in range(2)] == [200, 429]
    assert [await ask(gateway, FEEDBACK) for _ in range(2)] == [200, 429]
    assert [await ask(gateway, what, ADMIN) for what in (READ, AGGREGATES, RECORD, READ)] == [200, 200, 200, 429]
    assert await ask(gateway, ("GET", "/models")) == 200
    assert await ask(gateway, ("DELETE", "/predictions"), ADMIN) == 200


async def test_headers_and_refusals_name_the_windows_that_count_the_request(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="9/60s,predict:1/60s,read:5/60s")
    predicted = await gateway.post("/predict")
    assert predicted.headers["ratelimit-policy"] == '"ingress-60s";q=9;w=60, "ingress-predict-60s";q=1;w=60'
    assert predicted.headers["x-ratelimit-limit"] == "1"
    refused = await gateway.post("/predict")
    assert refused.json()["violated-policies"] == ["ingress-predict-60s"]
    read = await gateway.get("/metrics/count")
    assert read.headers["ratelimit"].startswith('"ingress-read-60s";r=4;t=')
    windows = (await gateway.get("/limits")).json()["windows"]
    assert {window["name"]: (window["counts"], window["remaining"]) for window in windows} == {
        "ingress-60s": (["predict", "analyze", "feedback"], 8),
        "ingress-predict-60s": (["predict"], 0),
        "ingress-read-60s": (["read"], 4),
    }


async def test_what_no_window_counts_is_not_limited(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="analyze:1/60s")
    for what in (PREDICT, FEEDBACK, READ):
        assert [await ask(gateway, what) for _ in range(4)] == [200] * 4
    assert "ratelimit" not in (await gateway.post("/predict")).headers
    assert [await ask(gateway, REPORT) for _ in range(2)] == [200, 429]


async def test_of_a_key_they_hold_over_gateways_and_addresses(start_gateway: StartGateway) -> None:
    gateways = [await start_gateway(ingress_limits="1/60s") for _ in range(2)]
    made = await make(gateways[0], "busy", "predict", "read", limits="predict:3/60s,read:2/60s")
    assert made["limits"] == "predict:3/60s,read:2/60s"
    while await ask(gateways[1], ("GET", "/models"), bearer(made["key"])) != 200:
        pass
    predicted = [await ask(gateways[number % 2], PREDICT, bearer(made["key"])) for number in range(5)]
    assert predicted == [200] * 3 + [429] * 2
    read = [await ask(gateways[number % 2], READ, bearer(made["key"])) for number in range(3)]
    assert read == [200, 200, 429]
