"""Whose key a prediction or a judgement came with is on record: shown, looked for, exported and erased by."""

import csv
import io
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from pyarrow import parquet

from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.contracts.rights import Right
from shared.http.caller import caller_digest, key_digest
from shared.testing.admin import held
from shared.testing.postgres import Database

SHOP, OTHER = uuid4(), uuid4()
ADDRESS = UUID(caller_digest("192.0.2.1"))


def row_of(key_id: UUID | None) -> Row:
    return Row(created_at=datetime.now(UTC), caller=ADDRESS if key_id is None else key_digest(key_id), key_id=key_id)


@pytest.fixture
async def rows(database: Database) -> list[Row]:
    rows = [row_of(key_id) for key_id in (SHOP, OTHER, None) for _ in range(3)]
    await insert(database, rows)
    await register(database, "lexicon")
    return rows


def ids_of(rows: list[Row], key_id: UUID | None) -> set[str]:
    return {str(row.prediction_id) for row in rows if row.key_id == key_id}


async def test_predictions_are_found_by_key_and_say_whose_they_are(client: httpx.AsyncClient, rows: list[Row]) -> None:
    for asked in ({"key_id": str(SHOP)}, {"caller": f"key:{SHOP}"}, {"caller": key_digest(SHOP).hex}):
        found = (await client.get("/predictions", params=asked)).json()["predictions"]
        assert {one["prediction_id"] for one in found} == ids_of(rows, SHOP)
        assert {one["key_id"] for one in found} == {str(SHOP)}
    keyless = (await client.get("/predictions", params={"caller": "192.0.2.1"})).json()["predictions"]
    assert {one["prediction_id"] for one in keyless} == ids_of(rows, None)
    assert {one["key_id"] for one in keyless} == {None}
    assert (await client.get("/predictions", params={"key_id": str(uuid4())})).json()["predictions"] == []


async def test_pages_by_key_hold_each_once(client: httpx.AsyncClient, rows: list[Row]) -> None:
    asked, found = {"key_id": str(OTHER), "limit": 1}, []
    while True:
        page = (await client.get("/predictions", params=asked)).json()
        found += [one["prediction_id"] for one in page["predictions"]]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
    assert sorted(found) == sorted(ids_of(rows, OTHER))


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
async def test_exports_have_keys(client: httpx.AsyncClient, rows: list[Row], form: str) -> None:
    judged = {"prediction_id": str(rows[0].prediction_id), "label": "neutral"}
    (await client.post("/feedback", json=judged, headers=held(str(OTHER), Right.FEEDBACK))).raise_for_status()
    answer = await client.get("/predictions/export", params={"key_id": str(SHOP), "format": form})
    if form == "ndjson":
        lines = [json.loads(line) for line in answer.text.splitlines()]
        judges = [line["feedback"] and line["feedback"]["key_id"] for line in lines]
    elif form == "csv":
        lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        judges = [line["feedback_key_id"] or None for line in lines]
    else:
        lines = parquet.read_table(io.BytesIO(answer.content)).to_pylist()
        judges = [line["feedback_key_id"] for line in lines]
    assert {line["prediction_id"] for line in lines} == ids_of(rows, SHOP)
    assert {line["key_id"] for line in lines} == {str(SHOP)}
    assert sorted(filter(None, judges)) == [str(OTHER)]


async def test_a_key_judges_as_one_caller_from_every_address_and_nobody_else_does(
    database: Database, rows: list[Row]
) -> None:
    judged = {"prediction_id": str(rows[0].prediction_id), "label": "neutral"}
    async with client_of(settings_for(database), {}) as client:

        async def judge(address: str, **headers: str) -> int:
            return (await client.post("/feedback", json=judged, headers={"X-Caller": address} | headers)).status_code

        shop = held(str(SHOP), Right.FEEDBACK)
        assert await judge("192.0.2.1", **shop) == 200
        assert await judge("192.0.2.2", **shop) == 200
        assert await judge("192.0.2.1", **held(str(OTHER), Right.FEEDBACK)) == 409
        assert await judge("192.0.2.1") == 409
        assert await judge(f"key:{SHOP}", **held(str(OTHER), Right.FEEDBACK)) == 409
    assert await database.fetch("SELECT key_id, given_by FROM metrics.feedback") == [(SHOP, key_digest(SHOP).hex)]


async def test_a_key_is_erased_and_the_audit_says_which(client: httpx.AsyncClient, rows: list[Row]) -> None:
    erased = await client.delete("/predictions", params={"key_id": str(SHOP)})
    assert erased.json() == {"predictions": 3, "feedback": 0, "is_complete": True}
    left = (await client.get("/predictions")).json()["predictions"]
    assert {one["prediction_id"] for one in left} == ids_of(rows, OTHER) | ids_of(rows, None)
    (act,) = (await client.get("/metrics/audit", params={"subject": "record"})).json()["acts"]
    assert act["detail"] == {"caller": key_digest(SHOP).hex, "key_id": str(SHOP)}


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"key_id": "nobody"}, "query.key_id"),
        ({"key_id": str(SHOP), "caller": "192.0.2.1"}, "query.key_id"),
        ({}, "query.caller"),
    ],
)
async def test_who_is_meant_must_be_said_once(client: httpx.AsyncClient, asked: dict[str, str], location: str) -> None:
    for ask in (client.delete, *([client.get] if asked else [])):
        refused = await ask("/predictions", params=asked)
        assert refused.status_code == 422
        assert [error["location"] for error in refused.json()["errors"]] == [location]


async def test_every_audit_names_the_key_that_a_change_came_with(client: httpx.AsyncClient, rows: list[Row]) -> None:
    silence = {"model_name": "lexicon", "minutes": 5, "reason": "a test"}
    for headers in ({}, held(str(SHOP), Right.ADMIN)):
        for ask in (
            client.put(
                "/metrics/thresholds", json={"min_confidence_warning": 0.7 + len(headers) / 10}, headers=headers
            ),
            client.post("/metrics/silences", json=silence, headers=headers),
            client.put(
                "/metrics/baselines",
                params={"model_name": "lexicon", "name": f"b{len(headers)}"},
                json={"time_window_minutes": 60, "watched": False},
                headers=headers,
            ),
            client.delete("/predictions", params={"caller": "192.0.2.9"}, headers=headers),
        ):
            answer = await ask
            assert answer.is_success, answer.text
    acts = (await client.get("/metrics/audit")).json()["acts"]
    expected = [(subject, key) for key in (str(SHOP), None) for subject in ("record", "baseline", "silence")]
    assert [(act["subject"], act["actor_key_id"]) for act in acts] == expected
    changes = (await client.get("/metrics/thresholds/changes")).json()["changes"]
    assert [change["actor_key_id"] for change in changes] == [str(SHOP), None]
