"""Keys: made, shown once, used, changed, rotated and revoked; each with its line in the audit."""

import json

import httpx
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import UNKNOWN, ask, bearer, make
from shared.contracts.rights import Right
from shared.http.key_holder import KeyHolder, opened
from shared.testing.admin import ADMIN, TOKEN
from shared.testing.postgres import Database


async def test_a_key_opens_what_it_is_for_and_nothing_else(gateway: httpx.AsyncClient) -> None:
    key = (await make(gateway, "checkout", "predict", "feedback"))["key"]
    assert await ask(gateway, key) == 200
    assert await ask(gateway, key, "/feedback") == 200
    assert await ask(gateway, key, "/models", "GET") == 200
    refused = await gateway.get("/predictions", headers=bearer(key))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:right-missing")
    assert refused.json()["needed"] == ["read"]
    assert await ask(gateway, key, "/metrics/aggregated") == 403
    assert await ask(gateway, key, "/keys", "GET") == 403


async def test_services_are_told_who_it_is_under_a_seal_and_never_the_key(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    made = await make(gateway, "checkout", "predict", "read")
    forged = {"X-Key-Holder": f"{UNKNOWN} admin {'0' * 64}"}
    for shown in (bearer(made["key"]), {"X-API-Key": made["key"]}, {"authorization": f"bearer  {made['key']}"}):
        assert (await gateway.post("/predict", headers=shown | forged)).status_code == 200
        told = upstream.requests[-1][0].headers
        assert made["key"] not in str(told)
        assert "Authorization" not in told
        assert "X-API-Key" not in told
        (value,) = told.getall("X-Key-Holder")
        assert opened(value.encode(), TOKEN) == KeyHolder(made["key_id"], frozenset({Right.PREDICT, Right.READ}))


async def test_what_is_no_key_of_ours_goes_on_as_ever(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    for word in ({"Authorization": "Bearer sk-other"}, {"Authorization": "Basic bXNrXzE6"}, {"X-API-Key": "other"}):
        forged = {"X-Key-Holder": f"{UNKNOWN} admin {'0' * 64}"}
        assert (await gateway.post("/predict", headers=word | forged)).status_code == 200
        told = upstream.requests[-1][0].headers
        assert told[next(iter(word))] == next(iter(word.values()))
        assert "X-Key-Holder" not in told


@pytest.mark.parametrize("path", ["/predict", "/models", "/metrics/count", "/analyze/performance", "/keys"])
async def test_a_wrong_key_is_refused_even_where_none_is_needed(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, path: str
) -> None:
    for shown in (bearer("msk_wrong"), {"X-API-Key": "msk_wrong"}):
        refused = await gateway.post(path, headers=shown)
        assert refused.status_code == 401
        assert "invalid_token" in refused.headers["WWW-Authenticate"]
        assert "msk_wrong" not in refused.text
    assert upstream.requests == []


async def test_two_different_keys_are_one_too_many(gateway: httpx.AsyncClient) -> None:
    one, other = (await make(gateway, "one"))["key"], (await make(gateway, "other"))["key"]
    assert (await gateway.post("/predict", headers=bearer(one) | {"X-API-Key": other})).status_code == 400
    assert (await gateway.post("/predict", headers=bearer(one) | {"X-API-Key": one})).status_code == 200
    for first, second in ((one, other), (other, one), ("another-word", one)):
        twice = httpx.Headers([("X-API-Key", first), ("X-API-Key", second)])
        assert (await gateway.post("/predict", headers=twice)).status_code == 400
    for together in (f"{one} {other}", f"{one}, {other}"):
        assert (await gateway.post("/predict", headers={"X-API-Key": together})).status_code == 400


@pytest.mark.parametrize("before", ["Bearer ", "bearer\t", "Token ", "ApiKey  ", ""])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_is_one_whatever_word_stands_before_it(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, header: str, before: str
) -> None:
    made = await make(gateway)
    assert (await gateway.post("/predict", headers={header: f"{before}{made['key']}"})).status_code == 200
    told = upstream.requests[-1][0].headers
    assert told["X-Key-Holder"].startswith(made["key_id"])
    assert made["key"] not in str(told)
    assert (await gateway.post("/predict", headers={header: f"{before}msk_wrong"})).status_code == 401


async def test_a_key_is_shown_once_and_kept_nowhere(gateway: httpx.AsyncClient, database: Database) -> None:
    made = await make(gateway, note="of the shop")
    assert made["key"].startswith(made["prefix"])
    assert len(made["key"]) >= 40
    for path in ("/keys", f"/keys/{made['key_id']}", "/keys/audit"):
        response = await gateway.get(path, headers=ADMIN)
        assert response.status_code == 200
        assert made["name"] in response.text
        assert made["key"] not in response.text
        assert "digest" not in response.text
    rows = await database.fetch(
        "SELECT to_jsonb(k)::text AS row FROM gateway.api_key AS k "
        "UNION ALL SELECT to_jsonb(e)::text FROM gateway.api_key_event AS e"
    )
    assert len(rows) == 2
    assert all(made["key"] not in row["row"] for row in rows)


async def test_a_change_names_the_revision_that_it_replaces(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway)
    path = f"/keys/{made['key_id']}"
    changed = await gateway.patch(path, json={"revision": made["revision"], "rights": ["read"]}, headers=ADMIN)
    assert changed.status_code == 200
    assert changed.json()["rights"] == ["read"]
    assert changed.json()["name"] == made["name"]
    assert await ask(gateway, made["key"]) == 403
    late = await gateway.patch(path, json={"revision": made["revision"], "note": "late"}, headers=ADMIN)
    assert (late.status_code, late.json()["revision"]) == (409, changed.json()["revision"])
    assert (
        await gateway.patch(f"/keys/{UNKNOWN}", json={"revision": 1, "note": "x"}, headers=ADMIN)
    ).status_code == 404


async def test_the_old_key_lives_for_as_long_as_is_said(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway)
    path, keys = f"/keys/{made['key_id']}/rotate", [made["key"]]
    for seconds, expected in ((3600, [200, 200]), (3600, [401, 200, 200]), (0, [401, 401, 401, 200])):
        body = {"revision": made["revision"], "old_lives_seconds": seconds}
        made = (await gateway.post(path, json=body, headers=ADMIN)).json()
        keys.append(made["key"])
        assert [await ask(gateway, key) for key in keys] == expected
        assert (made["old_expires_at"] is None) == (seconds == 0)


async def test_a_revoked_key_is_refused_for_good_and_its_name_is_free(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway)
    path = f"/keys/{made['key_id']}"
    taken = await gateway.post("/keys", json={"name": "checkout", "rights": ["read"]}, headers=ADMIN)
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:problem-type:key-name-taken")
    for _ in range(2):
        revoked = await gateway.delete(path, params={"reason": "it was lost"}, headers=ADMIN)
        assert revoked.status_code == 200
        assert revoked.json()["revoked_at"] is not None
    assert await ask(gateway, made["key"]) == 401
    for attempt in (
        gateway.patch(path, json={"revision": revoked.json()["revision"], "note": "x"}, headers=ADMIN),
        gateway.post(f"{path}/rotate", json={"revision": revoked.json()["revision"]}, headers=ADMIN),
    ):
        response = await attempt
        assert (response.status_code, response.json()["type"]) == (409, "urn:problem-type:key-revoked")
    assert await ask(gateway, (await make(gateway))["key"]) == 200
    assert await ask(gateway, made["key"]) == 401


async def test_every_change_is_on_the_audit_with_who_made_it(gateway: httpx.AsyncClient) -> None:
    boss = await make(gateway, "boss", "admin", changed_by="alice", reason="the first one")
    request = {"X-Request-ID": "request-4711", "X-Forwarded-For": "203.0.113.9"}
    made = (
        await gateway.post("/keys", json={"name": "new", "rights": ["read"]}, headers=bearer(boss["key"]) | request)
    ).json()
    await gateway.delete(f"/keys/{made['key_id']}", params={"reason": "no use"}, headers=ADMIN)
    events = (await gateway.get("/keys/audit", headers=ADMIN)).json()["events"]
    assert [(event["action"], event["actor"], event["actor_key_id"], event["reason"]) for event in events] == [
        ("revoke", "admin", None, "no use"),
        ("create", "admin", boss["key_id"], ""),
        ("create", "alice", None, "the first one"),
    ]
    assert events[1]["request_id"] == "request-4711"
    assert events[1]["client_address"].startswith("203.0.113.9")
    assert events[1]["key"]["name"] == "new"
    of_one = (await gateway.get("/keys/audit", params={"key_id": boss["key_id"]}, headers=ADMIN)).json()["events"]
    assert of_one == events[2:]


async def test_keys_are_listed_page_by_page(gateway: httpx.AsyncClient) -> None:
    for name in "cabed":
        await make(gateway, name)
    names, after = [], ""
    while after is not None:
        page = (await gateway.get("/keys", params={"after": after, "limit": 2}, headers=ADMIN)).json()
        names += [key["name"] for key in page["keys"]]
        after = page["next_after"]
    assert names == list("abcde")


@pytest.mark.parametrize("after", ["a\x00", "a\n", "\u00e9", "a" * 101])
async def test_what_no_key_is_called_is_no_place_among_keys(gateway: httpx.AsyncClient, after: str) -> None:
    refused = await gateway.get("/keys", params={"after": after}, headers=ADMIN)
    assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, "query.after")


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"name": "a", "rights": []}, "body.rights"),
        ({"name": "a", "rights": ["everything"]}, "body.rights.0"),
        ({"name": "a", "rights": ["read", "read"]}, "body.rights"),
        ({"name": "", "rights": ["read"]}, "body.name"),
        ({"name": "a\nb", "rights": ["read"]}, "body.name"),
        ({"name": "checkout ", "rights": ["read"]}, "body.name"),
        ({"name": UNKNOWN, "rights": ["read"]}, "body.name"),
        ({"name": UNKNOWN.upper().replace("-", ""), "rights": ["read"]}, "body.name"),
        ({"name": "a", "rights": ["read"], "expires_at": "2001-01-01T00:00:00Z"}, "body.expires_at"),
        ({"name": "a", "rights": ["read"], "expires_at": "9999-12-31T23:59:59-14:00"}, "body.expires_at"),
        ({"name": "a", "rights": ["read"], "expires_at": "2100-01-01T00:00:00"}, "body.expires_at"),
        ({"name": "a", "rights": ["read"], "note": "\x00"}, "body.note"),
        ({"name": "a", "rights": ["read"], "reason": "two\nlines"}, "body.reason"),
        ({"name": "a", "rights": ["read"], "key": "msk_mine"}, "body.key"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(gateway: httpx.AsyncClient, body: dict, location: str) -> None:
    refused = await gateway.post(
        "/keys", content=json.dumps(body), headers=ADMIN | {"Content-Type": "application/json"}
    )
    assert refused.status_code == 422, refused.text
    assert [error["location"] for error in refused.json()["errors"]] == [location]


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"rights": None}, {"note": None}, {"revision": 0, "note": "x"}, {"name": "a "}]
)
async def test_a_change_that_makes_no_sense_is_refused(gateway: httpx.AsyncClient, body: dict) -> None:
    made = await make(gateway)
    refused = await gateway.patch(f"/keys/{made['key_id']}", json={"revision": 1} | body, headers=ADMIN)
    assert refused.status_code == 422


async def test_without_the_right_token_nobody_sees_or_changes_keys(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(wrong_token_limits="8/60s")
    reader = (await make(gateway, "reader", "predict", "read", "feedback", "analyze"))["key"]
    calls = [
        ("GET", "/keys"), ("GET", "/keys/audit"), ("GET", f"/keys/{UNKNOWN}"), ("DELETE", f"/keys/{UNKNOWN}"),
    ]  # fmt: skip
    for method, path in calls:
        assert (await gateway.request(method, path)).status_code == 401
        assert (await gateway.request(method, path, headers=bearer(reader))).status_code == 403
        assert (await gateway.request(method, path, headers=bearer("wrong"))).status_code == 401
        assert (await gateway.request(method, path, headers=bearer("msk_wrong"))).status_code == 401
    assert (await gateway.get("/keys", headers=ADMIN)).status_code == 429


async def test_whoever_sends_the_admin_token_in_the_wrong_header_is_told_where_it_belongs_and_not_whether_it_is_right(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(anonymous="deny")
    for method, path in (("GET", "/keys"), ("POST", "/predict")):
        told = []
        for token in (TOKEN, "wrong"):
            for headers in ({"X-API-Key": token}, {"X-API-Key": f"Bearer {token}"}, {"Authorization": token}):
                refused = await gateway.request(method, path, headers=headers)
                assert refused.status_code == 401
                told.append(refused.json()["detail"])
        assert "the admin token, as Authorization: Bearer <ADMIN_TOKEN> and in no other header" in told[0]
        assert told == told[:1] * len(told)
