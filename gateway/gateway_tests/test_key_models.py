"""Rights for some models: asked for, told to services, changed, audited; and not granted by who knows no models."""

import httpx
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import ask, bearer, make, until
from shared.contracts.rights import Right
from shared.http.key_holder import KeyHolder, opened
from shared.testing.admin import ADMIN, TOKEN
from shared.testing.postgres import Database


async def told_of(gateway: httpx.AsyncClient, upstream: UpstreamServer, key: str) -> KeyHolder:
    """What the service is told of who has a key."""
    assert await ask(gateway, key) == 200
    return opened(upstream.requests[-1][0].headers["X-Key-Holder"].encode(), TOKEN)


async def test_services_are_told_the_models_of_each_right(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    made = await make(gateway, "reviews", "read", "predict", "admin", models={"predict": ["b", "a"], "admin": ["c"]})
    assert (made["rights"], made["models"]) == (["admin", "predict", "read"], {"admin": ["c"], "predict": ["a", "b"]})
    models = {Right.PREDICT: frozenset({"a", "b"}), Right.ADMIN: frozenset({"c"})}
    rights = frozenset({Right.READ, Right.PREDICT, Right.ADMIN})
    holder = KeyHolder(made["key_id"], rights, models)
    assert await told_of(gateway, upstream, made["key"]) == holder
    rotation = {"revision": made["revision"]}
    rotated = (await gateway.post(f"/keys/{made['key_id']}/rotate", json=rotation, headers=ADMIN)).json()
    assert rotated["models"] == made["models"]
    for key in (made["key"], rotated["key"]):
        assert await told_of(gateway, upstream, key) == holder


async def test_what_a_change_does_not_name_stays(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    made = await make(gateway, "reviews", "read", "predict", models={"predict": ["a"]})
    path, revision = f"/keys/{made['key_id']}", made["revision"]
    steps: list[tuple[dict, list[str], dict | None]] = [
        ({"note": "of the shop"}, ["predict", "read"], {"predict": ["a"]}),
        ({"rights": ["predict"]}, ["predict"], {"predict": ["a"]}),
        ({"models": {"predict": ["b"]}}, ["predict"], {"predict": ["b"]}),
        ({"rights": ["read", "predict"], "models": {"read": ["c"]}}, ["predict", "read"], {"read": ["c"]}),
        ({"models": None}, ["predict", "read"], None),
    ]
    for change, rights, models in steps:
        changed = await gateway.patch(path, json=change | {"revision": revision}, headers=ADMIN)
        key = changed.json()
        assert (key["rights"], key["models"]) == (rights, models), change
        revision = key["revision"]
        told = await told_of(gateway, upstream, made["key"])
        assert {right: sorted(names) for right, names in told.models.items()} == (models or {})
        assert sorted(told.rights) == rights
    events = (await gateway.get("/keys/audit", headers=ADMIN)).json()["events"]
    audited = [(event["key"]["rights"], event["key"]["models"]) for event in reversed(events)]
    assert audited == [(made["rights"], made["models"]), *(step[1:] for step in steps)]


async def test_a_right_for_some_models_is_not_enough_where_all_are_meant(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, "some", *Right, models={right: ["a"] for right in Right})
    for method, path in [
        ("GET", "/keys"), ("POST", "/keys"), ("GET", "/keys/audit"), ("PATCH", f"/keys/{made['key_id']}"),
        ("GET", "/limits/refusals"), ("GET", "/metrics/count"), ("GET", "/metrics/audit"), ("DELETE", "/analyze/cache"),
    ]:  # fmt: skip
        refused = await gateway.request(method, path, headers=bearer(made["key"]))
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:right-missing")
        assert "for all models" in refused.json()["detail"]
    assert await ask(gateway, made["key"], "/metrics/aggregated") == 200
    reader = await make(gateway, "reader", "read", "admin", models={"admin": ["a"]})
    assert await ask(gateway, reader["key"], "/metrics/count", "GET") == 200


async def test_who_knows_no_models_grants_no_right_that_is_for_some(
    gateway: httpx.AsyncClient, database: Database
) -> None:
    await make(gateway, "reviews", "read", "predict", models={"predict": ["a"]})
    rows = await database.fetch("SELECT rights, models::text AS models FROM gateway.api_key")
    assert [(row["rights"], row["models"]) for row in rows] == [(["read"], '{"predict": ["a"]}')]


async def test_other_models_are_in_force_on_every_gateway(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    one, other = await start_gateway(), await start_gateway()
    made = await make(one, "reviews", models={"predict": ["a"]})

    async def is_told(models: dict[Right, frozenset[str]]) -> bool:
        return (await told_of(other, upstream, made["key"])).models == models

    async def is_known() -> bool:
        return await ask(other, made["key"]) == 200

    await until(is_known)
    change = {"revision": made["revision"], "models": {"predict": ["b"]}}
    (await one.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN)).raise_for_status()
    await until(lambda: is_told({Right.PREDICT: frozenset({"b"})}))


@pytest.mark.parametrize(
    ("models", "location"),
    [
        ({"predict": []}, "body.models.predict"),
        ({"predict": ["../a"]}, "body.models.predict.0"),
        ({"predict": ["a", "a"]}, "body.models"),
        ({"predict": [f"model-{number}" for number in range(64)], "read": ["a"]}, "body.models"),
        ({"admin": ["a"]}, "body.models"),
        ({"everything": ["a"]}, "body.models.everything.[key]"),
        ("a", "body.models"),
    ],
)
async def test_models_that_make_no_sense_are_refused(gateway: httpx.AsyncClient, models: object, location: str) -> None:
    wanted = {"name": "a", "rights": ["predict", "read"], "models": models}
    refused = await gateway.post("/keys", json=wanted, headers=ADMIN)
    assert refused.status_code == 422, refused.text
    assert [error["location"] for error in refused.json()["errors"]] == [location]
    made = await make(gateway, "b", "predict", "read", models={"predict": ["a"]})
    change = {"revision": made["revision"], "models": models}
    assert (await gateway.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN)).status_code == 422


async def test_models_of_a_right_that_goes_must_go_with_it(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, "reviews", "read", "predict", models={"predict": ["a"]})
    path, change = f"/keys/{made['key_id']}", {"revision": made["revision"], "rights": ["read"]}
    refused = await gateway.patch(path, json=change, headers=ADMIN)
    assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, "body.models")
    assert (await gateway.patch(path, json=change | {"models": None}, headers=ADMIN)).json()["rights"] == ["read"]
