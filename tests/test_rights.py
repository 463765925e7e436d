"""Every operation of the public API with every right, and with no key, a wrong one and an expired one."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from gateway.request.access import FREE, NEVER, Anonymous, of_own_path
from shared.contracts.rights import Right, may
from shared.testing.admin import ADMIN, TOKEN
from tests.rights import ON_ONE_KEY, UNKNOWN, Operation, bearer, document_of, make, operations
from tests.stack import LocalStack

PLENTY = "1000000/60s"
KEYS_DOCUMENT = Path(__file__).parent.parent / "docs" / "keys.md"
REFUSALS = {401, 403}


class Stack(NamedTuple):
    """A stack whose limits are not what is tested, and a key for each right."""

    client: httpx.Client
    keys: dict[Right, str]
    expired: str
    revoked: str


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("rights")
    stack = LocalStack(folder / "local", INGRESS_LIMITS=PLENTY, WRONG_TOKEN_LIMITS=PLENTY).start()
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        keys = {right: make(client, right, [right])["key"] for right in Right}
        soon = datetime.now(UTC) + timedelta(seconds=1)
        expired = make(client, "expired", list(Right), expires_at=soon.isoformat())["key"]
        revoked = make(client, "revoked", list(Right))
        client.delete(f"/keys/{revoked['key_id']}", headers=ADMIN).raise_for_status()
        while client.get("/models", headers=bearer(expired)).status_code != 401:
            pass
        yield Stack(client, keys, expired, revoked["key"])
    stack.end()


def status(stack: Stack, operation: Operation, headers: dict[str, str]) -> int:
    """Without a body: who may is told that it is missing, and changes nothing."""
    return stack.client.request(operation.method, operation.target, headers=headers).status_code


def test_every_operation_needs_what_the_gateway_says(roomy: Stack) -> None:
    found = list(operations(document_of(roomy.client)))
    assert len(found) > 50
    assert {operation.access for operation in found} >= {FREE, of_own_path("/keys")}
    for operation, right in itertools.product(found, Right):
        is_enough = operation.access is FREE or may(frozenset({right}), *operation.access.rights)
        told = status(roomy, operation, bearer(roomy.keys[right]))
        assert (told == 403) != is_enough, (operation, right, told)
        assert told != 401, (operation, right)


def test_without_a_good_key_nobody_gets_further_than_anonymous_callers(roomy: Stack) -> None:
    for operation in operations(document_of(roomy.client)):
        is_free = operation.access is FREE
        needs_key = operation.access.openness == NEVER
        for wrong in ("msk_wrong", roomy.expired, roomy.revoked):
            for headers in (bearer(wrong), {"X-API-Key": wrong}):
                assert (status(roomy, operation, headers) == 401) != is_free, operation
        assert (status(roomy, operation, {}) == 401) == needs_key, operation
        assert status(roomy, operation, ADMIN) not in REFUSALS, operation


def test_what_services_themselves_are_told_of_a_key_cannot_be_made_up(roomy: Stack, tmp_path: Path) -> None:
    """Past the gateway, from the same machine: a header alone opens nothing."""
    forged = {"X-Key-Holder": f"{UNKNOWN} admin {'0' * 64}"}
    for path in ("/predictions", "/metrics/audit", "/analyze/quota"):
        assert roomy.client.get(path, headers=forged).status_code == 401


def with_one_key(found: list[Operation]) -> Iterator[Operation]:
    """The same, and after the report the one about a key, which no right alone opens but `admin`."""
    for operation in found:
        yield operation
        if operation.told == ON_ONE_KEY.told.removesuffix(" with `key_id`"):
            yield ON_ONE_KEY


@pytest.mark.parametrize("shown", [(), *((right,) for right in Right), *itertools.combinations(Right, 2)])
def test_a_report_on_a_key_needs_both_rights_or_admin(roomy: Stack, shown: tuple[Right, ...]) -> None:
    """Over the whole way: the gateway asks for `analyze`, and services for `read`."""
    may_read = may(frozenset(shown), Right.READ) and may(frozenset(shown), Right.ANALYZE)
    headers = bearer(make(roomy.client, f"on a key {' '.join(shown)}", list(shown))["key"]) if shown else {}
    response = roomy.client.post(ON_ONE_KEY.path, json={"key_id": UNKNOWN}, headers=headers)
    assert response.status_code == (200 if may_read else 403 if shown else 401), response.text
    if may_read:
        assert response.json()["metrics_analyzed"]["total_predictions"] == 0
    elif shown:
        assert response.json()["type"] == "urn:problem-type:right-missing"


def test_nor_does_the_word_of_a_stranger_or_an_expired_key_open_one(roomy: Stack) -> None:
    for headers in (bearer("msk_wrong"), bearer(roomy.expired), bearer(roomy.revoked), bearer("some-token")):
        assert roomy.client.post(ON_ONE_KEY.path, json={"key_id": UNKNOWN}, headers=headers).status_code == 401
    forged = {"X-Key-Holder": f"{UNKNOWN} analyze,read {'0' * 64}"}
    assert roomy.client.post(ON_ONE_KEY.path, json={"key_id": UNKNOWN}, headers=forged).status_code == 401
    assert roomy.client.post(ON_ONE_KEY.path, json={"key_id": UNKNOWN}, headers=ADMIN).status_code == 200


def test_a_report_on_a_key_is_of_what_came_with_it_beside_all(roomy: Stack) -> None:
    mine = make(roomy.client, "asks ten times", [Right.PREDICT])
    for headers in (bearer(mine["key"]), {}):
        for number in range(10):
            roomy.client.post("/predict", json={"text": f"Fine, {number}."}, headers=headers).raise_for_status()
    asked = {"key_id": mine["key_id"], "time_window_minutes": 120}
    report = roomy.client.post(ON_ONE_KEY.path, json=asked, headers=ADMIN).raise_for_status().json()
    assert report["metrics_analyzed"]["total_predictions"] == 10
    assert report["caller"]["key_id"] == mine["key_id"]
    assert report["caller"]["all_callers"]["total_predictions"] >= 20
    gone = roomy.client.post(ON_ONE_KEY.path, json=asked | {"window_end": "2026-01-05T12:00:00Z"}, headers=ADMIN)
    assert (gone.status_code, gone.json()["errors"][0]["location"]) == (422, "body.window_end")


def table(found: list[Operation]) -> str:
    """As docs/keys.md has it."""
    lines = [
        "| operation | `predict` | `read` | `feedback` | `analyze` | `admin` | for some models | without a key |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for operation in with_one_key(found):
        if operation.access is FREE:
            continue
        rights = [" ✓ " if may(frozenset({right}), *operation.access.rights) else " " for right in Right]
        modes = [f"`{mode}`" for mode in Anonymous if mode.openness >= operation.access.openness]
        cells = [
            f" {operation.told} ",
            *rights,
            f" {operation.by_model} ",
            f" {', '.join(reversed(modes))} ",
        ]
        lines.append("|" + "|".join(cells) + "|")
    return "\n".join(line.replace("|  |", "| |") for line in lines)


def test_the_table_in_the_documentation_is_this_one(roomy: Stack) -> None:
    wanted = table(list(operations(document_of(roomy.client))))
    assert wanted in KEYS_DOCUMENT.read_text(encoding="utf-8"), f"docs/keys.md needs this table:\n{wanted}"


def test_the_admin_token_is_no_key_of_the_list(roomy: Stack) -> None:
    assert TOKEN not in roomy.client.get("/keys", headers=ADMIN).text
