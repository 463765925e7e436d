"""`GET /limits`: a caller is told its own state, in the words of the headers, and asking counts for nobody."""

import asyncio

import httpx
import pytest

from gateway_tests.conftest import StartGateway
from gateway_tests.keys import bearer, make
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer

HERE = {"X-Forwarded-For": "192.0.2.1"}


async def own(gateway: httpx.AsyncClient, headers: dict[str, str] | None = None) -> dict:
    response = await gateway.get("/limits", headers=HERE | (headers or {}))
    assert response.status_code == 200, response.text
    assert "ratelimit" not in response.headers
    told: dict = response.json()
    return told


async def predict(gateway: httpx.AsyncClient, headers: dict[str, str] | None = None) -> httpx.Response:
    return await gateway.post("/predict", json={}, headers=HERE | (headers or {}))


def in_headers(told: dict) -> str:
    """The same, as `RateLimit` says it."""
    windows = told["windows"]
    return ", ".join(f'"{window["name"]}";r={window["remaining"]}' for window in windows)


async def test_an_address_is_told_what_its_headers_say_however_often_it_asks(start_gateway: StartGateway) -> None:
    gateways = [await start_gateway(ingress_limits="2/60s,100/d") for _ in range(2)]
    first = await own(gateways[0])
    assert [window["more_in_seconds"] for window in first["windows"]] == [0, 0]
    assert in_headers(first) == '"ingress-60s";r=2, "ingress-86400s";r=100'
    assert first["counted_for"] == "address"
    assert first["counted_as"] == "192.0.2.1"
    assert first["windows"][0]["counts"] == ["predict", "analyze", "feedback"]
    for left in (1, 0, 0):
        response = await predict(gateways[0])
        states = [await own(gateway) for gateway in gateways for _ in range(5)]
        said = [part.split(";t=")[0] for part in response.headers["ratelimit"].split(", ")]
        assert {in_headers(state) for state in states} == {", ".join(said)}
        assert {state["windows"][0]["remaining"] for state in states} == {left}
        assert all(0 < state["windows"][0]["more_in_seconds"] <= 61 for state in states)
        assert {state["counted_by"] for state in states} == {"all"}
    assert response.status_code == 429


async def test_a_look_leaves_no_row(gateway: httpx.AsyncClient, database: Database) -> None:
    await own(gateway)
    assert await database.fetch("SELECT * FROM gateway.ingress_client") == []


async def test_a_key_with_limits_is_told_its_own_and_one_without_those_of_its_address(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(ingress_limits="5/60s")
    limited, free = await make(gateway, "limited", "feedback", limits="3/1h"), await make(gateway, "free", "predict")
    await predict(gateway, bearer(free["key"]))
    told = await own(gateway, bearer(limited["key"]))
    assert (told["counted_for"], told["counted_as"]) == ("key", limited["key_id"])
    assert in_headers(told) == '"ingress";r=3'
    told = await own(gateway, bearer(free["key"]))
    assert (told["counted_for"], told["counted_as"]) == ("address", "192.0.2.1")
    assert in_headers(told) == '"ingress";r=4'
    assert (await gateway.get("/limits", headers=bearer("msk_wrong"))).status_code == 401


async def test_who_has_no_limit_is_told_so(start_gateway: StartGateway) -> None:
    exempt = await start_gateway(ingress_exempt="192.0.2.0/24")
    off = await start_gateway(ingress_limits="off")
    limited = await make(off, limits="3/60s")
    for gateway in (exempt, off):
        told = await own(gateway)
        assert told["windows"] == []
        assert (told["counted_for"], told["counted_as"], told["counted_by"]) == ("nobody", None, None)
    assert (await exempt.get("/limits", headers={"X-Forwarded-For": "198.51.100.1"})).json()["windows"] != []
    assert (await own(off, bearer(limited["key"])))["counted_for"] == "key"


async def test_a_dry_run_is_told(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="1/60s", ingress_dry_run=True)
    assert [(await predict(gateway)).status_code for _ in range(3)] == [200] * 3
    told = await own(gateway)
    assert told["dry_run"] is True
    assert told["windows"][0]["remaining"] == 0


async def test_without_postgres_it_is_what_this_gateway_has_counted(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    gateway, other = [await start_gateway(ingress_limits="3/60s") for _ in range(2)]
    await predict(gateway)
    await predict(other)
    postgres_server.kill()
    try:
        told = await own(gateway)
        assert (told["counted_by"], told["windows"][0]["remaining"]) == ("local", 2)
        response = await predict(gateway)
        assert response.headers["x-ratelimit-scope"] == "local"
        assert (await own(gateway))["windows"][0]["remaining"] == 1
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)


@pytest.mark.parametrize(("anonymous", "status"), [("allow", 200), ("predict", 200), ("deny", 401)])
async def test_callers_without_a_key_may_ask_where_they_may_predict(
    start_gateway: StartGateway, anonymous: str, status: int
) -> None:
    gateway = await start_gateway(anonymous=anonymous)
    assert (await gateway.get("/limits")).status_code == status
    assert (await gateway.get("/limits", headers=ADMIN)).status_code == 200
    assert (await gateway.post("/limits", headers=ADMIN)).status_code == 405
