"""IDENTITY_HEADER: who is signed in at a trusted proxy has a key's rights and limits; nobody else's word counts."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.keys.ring import KeyRow, KeyTable
from gateway.request.identity import Identities, identity_keys_of
from gateway.settings import Settings
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make, until
from shared.contracts.rights import Right
from shared.http.key_holder import HOLDER_HEADER
from shared.testing.admin import ADMIN

HEADER = "X-Auth-Request-Email"
TABLE = "alice@example.org=analysts, *@example.org=staff"


async def behind_sign_in(start_gateway: StartGateway, **more: object) -> httpx.AsyncClient:
    """A gateway behind a proxy that signs people in, and the keys that they are taken for."""
    settings = {"identity_header": HEADER, "identity_keys": TABLE, "anonymous": "deny", **more}
    return await start_gateway(**settings)


def signed_in(identity: str, **more: str) -> dict[str, str]:
    return {HEADER: identity, **more}


async def status(gateway: httpx.AsyncClient, path: str, headers: dict[str, str], method: str = "GET") -> int:
    return (await gateway.request(method, path, headers=headers)).status_code


async def test_a_person_has_the_rights_of_the_key_that_the_table_names(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    gateway = await behind_sign_in(start_gateway)
    analysts = await make(gateway, "analysts", "read")
    await make(gateway, "staff", "predict")
    assert await status(gateway, "/predictions", signed_in("Alice@Example.org")) == 200
    (request, _) = upstream.requests[-1]
    assert request.headers[HOLDER_HEADER.decode()].startswith(analysts["key_id"])
    assert HEADER not in request.headers  # who it is goes no further
    assert await status(gateway, "/predict", signed_in("alice@example.org"), "POST") == 403
    assert await status(gateway, "/predict", signed_in("bo@example.org"), "POST") == 200
    assert await status(gateway, "/predictions", signed_in("bo@example.org")) == 403
    for stranger in ("bo@example.com", "@example.org", "bo@example.org@example.com", "", "x" * 400):
        assert await status(gateway, "/predict", signed_in(stranger), "POST") == 401


async def test_from_whom_is_no_trusted_proxy_it_says_nothing(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    gateway = await behind_sign_in(start_gateway, trusted_proxies="192.0.2.0/24", anonymous="predict")
    await make(gateway, "analysts", "read")
    assert await status(gateway, "/metrics/count", signed_in("alice@example.org")) == 401
    assert await status(gateway, "/predict", signed_in("alice@example.org"), "POST") == 200
    (request, _) = upstream.requests[-1]
    assert {HEADER, HOLDER_HEADER.decode()} & set(request.headers) == set()


async def test_two_words_of_a_proxy_are_refused(start_gateway: StartGateway) -> None:
    gateway = await behind_sign_in(start_gateway)
    await make(gateway, "analysts", "read")
    await make(gateway, "staff", "read")
    alice, bo = "alice@example.org", "bo@example.org"
    for twice in ([(HEADER, alice), (HEADER, bo)], [(HEADER, f"{alice}, {bo}")], [(HEADER, f",{alice}")]):
        response = await gateway.get("/predictions", headers=httpx.Headers(twice))
        assert (response.status_code, "two identities" in response.json()["detail"]) == (400, True)


async def test_a_key_counts_before_an_identity_and_the_admin_token_where_a_right_is_missing(
    start_gateway: StartGateway,
) -> None:
    gateway = await behind_sign_in(start_gateway)
    await make(gateway, "analysts", "read")
    predicting = (await make(gateway, "a program", "predict"))["key"]
    alice = signed_in("alice@example.org")
    assert await status(gateway, "/predict", alice | bearer(predicting), "POST") == 200
    assert await status(gateway, "/predictions", alice | bearer(predicting)) == 403
    assert await status(gateway, "/predictions", alice | bearer("msk_" + 43 * "x")) == 401
    assert await status(gateway, "/keys", alice) == 403
    assert await status(gateway, "/keys", alice | ADMIN) == 200
    assert await status(gateway, "/keys", alice | bearer("wrong")) == 401
    assert await status(gateway, "/predict", alice | bearer("a token of the proxy's"), "POST") == 403


async def test_the_keys_limits_hold_for_all_who_are_taken_for_it(start_gateway: StartGateway) -> None:
    gateway = await behind_sign_in(start_gateway)
    await make(gateway, "staff", "predict", limits="3/60s")
    statuses = [
        await status(
            gateway, "/predict", signed_in(f"{who}@example.org", **{"X-Forwarded-For": f"198.51.100.{at}"}), "POST"
        )
        for at, who in enumerate(("ann", "bo", "cy", "di"))
    ]
    assert statuses == [200, 200, 200, 429]


async def test_a_key_that_is_gone_leaves_nobody_with_its_rights_and_one_of_its_name_gives_them_back(
    start_gateway: StartGateway,
) -> None:
    gateway = await behind_sign_in(start_gateway, anonymous="allow")
    alice = signed_in("alice@example.org")
    refused = await gateway.get("/metrics/count", headers=alice)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:identity-without-key")
    key = await make(gateway, "analysts", "read")
    assert await status(gateway, "/metrics/count", alice) == 200
    rotate = {"revision": key["revision"], "old_lives_seconds": 0}
    (await gateway.post(f"/keys/{key['key_id']}/rotate", json=rotate, headers=ADMIN)).raise_for_status()
    assert await status(gateway, "/metrics/count", alice) == 200
    await gateway.delete(f"/keys/{key['key_id']}", headers=ADMIN)
    assert await status(gateway, "/metrics/count", alice) == 403
    assert await status(gateway, "/health", alice) == 200
    await make(gateway, "analysts", "read")
    assert await status(gateway, "/metrics/count", alice) == 200


async def test_other_gateways_hear_of_it(start_gateway: StartGateway) -> None:
    one, two = await behind_sign_in(start_gateway), await behind_sign_in(start_gateway)
    key = await make(one, "analysts", "read")

    async def says(expected: int) -> bool:
        return await status(two, "/metrics/count", signed_in("alice@example.org")) == expected

    await until(lambda: says(200))
    change = {"revision": key["revision"], "rights": ["predict"]}
    (await one.patch(f"/keys/{key['key_id']}", json=change, headers=ADMIN)).raise_for_status()
    await until(lambda: says(403))


def row(key_id: str, name: str, revision: int, *, is_revoked: bool = False) -> KeyRow:
    digest = f"{key_id} {revision}".encode()
    return KeyRow(key_id, digest, None, None, frozenset({Right.READ}), None, is_revoked, revision, name=name)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["one", "two", "other"]), st.booleans()), max_size=12)
)
def test_a_name_is_always_that_of_the_key_that_has_it_now(changes: list[tuple[str, str, bool]]) -> None:
    """Names move from key to key, and the table hears of the last state of each, in the order of revisions."""
    table, owner = KeyTable(frozenset({"one", "two"})), dict[str, str]()
    for revision, (key_id, name, is_revoked) in enumerate(changes, 1):
        if owner.get(name, key_id) != key_id:
            continue  # Postgres refuses a name that is taken
        owner = {taken: by for taken, by in owner.items() if by != key_id} | ({} if is_revoked else {name: key_id})
        table.put(row(key_id, name, revision, is_revoked=is_revoked))
        for wanted in ("one", "two", "other"):
            known = table.get_named(wanted)
            assert (known and known.holder.key_id) == (owner.get(wanted) if wanted != "other" else None)


def test_the_closest_line_of_the_table_counts() -> None:
    identities = Identities(
        "x-user", identity_keys_of(("*=guests", "*@a.example=staff", "bo@a.example=boss", "root=r"))
    )
    found = {who: identities.key_of(who) for who in ("bo@a.example", "al@a.example", "al@b.example", "root", "Root ")}
    assert list(found.values()) == ["boss", "staff", "guests", "r", "r"]
    assert identities.key_of("al@sub.a.example") == "guests"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"identity_header": HEADER}, "each is nothing without the other"),
        ({"identity_keys": TABLE}, "each is nothing without the other"),
        ({"identity_header": HEADER, "identity_keys": TABLE, "trusted_proxies": ""}, "nobody is believed"),
        ({"identity_header": "Authorization", "identity_keys": TABLE}, "no header for identities"),
        ({"identity_header": "two words", "identity_keys": TABLE}, "no header for identities"),
        ({"identity_header": HEADER, "identity_keys": "alice"}, "is no alice@example.org=KEY"),
        ({"identity_header": HEADER, "identity_keys": "a*=staff"}, "is no alice@example.org=KEY"),
        ({"identity_header": HEADER, "identity_keys": "*@a@b=staff"}, "is no alice@example.org=KEY"),
        ({"identity_header": HEADER, "identity_keys": "a=one,A=two"}, "names a twice"),
        ({"identity_header": HEADER, "identity_keys": "a=no/such"}, "is the name of no key"),
    ],
)
def test_what_makes_no_sense_is_said_at_the_start(settings: dict[str, str], said: str) -> None:
    database = "postgresql://gateway:secret@127.0.0.1:1/modelserver"
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({"database_url": database, "trusted_proxies": "127.0.0.1", **settings})
