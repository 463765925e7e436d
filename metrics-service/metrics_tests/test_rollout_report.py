"""How a candidate does beside the stable version: in the shadow pair by pair, as a canary side by side."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from metrics_tests.rows import Row, insert
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

STARTED = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
REPORT = "/models/lexicon/rollout/report"


async def begin(database: Database, mode: str) -> None:
    columns = {
        "model_name": "lexicon", "revision": 1, "mode": mode, "stable_version": "1.0.0", "candidate_version": "2.0.0",
        "share": 100, "sticky": "caller", "promote_by_itself": False, "started_at": STARTED.isoformat(),
        "changed_at": STARTED.isoformat(),
    }  # fmt: skip
    await insert_as_json(database, "postgres", "rollout", [columns])


async def insert_as_json(database: Database, role: str, table: str, rows: list[dict[str, Any]]) -> None:
    connection = await asyncpg.connect(for_libpq(database.url(role)))
    table = f"predictions.{table}"
    statement = f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb)"  # noqa: S608 - the test's own
    await connection.execute(statement, json.dumps(rows))
    await connection.close()


def pair(stable: str | None, candidate: str | None, **other: Any) -> dict[str, Any]:
    return {
        "prediction_id": str(uuid4()), "made_at": (STARTED + timedelta(minutes=1)).isoformat(), "model_name": "lexicon",
        "stable_version": "1.0.0", "candidate_version": "2.0.0", "started_at": STARTED.isoformat(),
        "task_type": "classification", "stable_label": stable, "stable_confidence": 0.75, "stable_time_ms": 2.0,
        "prediction_label": candidate, "confidence": 0.5, "inference_time_ms": 3.0,
        "agrees": stable == candidate, "distance": 0.0 if stable == candidate else 0.5,
    } | other  # fmt: skip


async def add(database: Database, rows: list[dict[str, Any]]) -> None:
    await insert_as_json(database, "prediction_service", "shadow", rows)


async def report(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(REPORT)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_pairs_are_counted_and_compared(client: httpx.AsyncClient, database: Database) -> None:
    await begin(database, "shadow")
    rows = [pair("good", "good")] * 90 + [pair("good", "bad")] * 8 + [pair("bad", "good", distance=0.9)] * 2
    rows = [row | {"prediction_id": str(uuid4())} for row in rows]
    failed = pair("good", None, confidence=None, inference_time_ms=None, agrees=None, distance=None, error="broken")
    of_another = pair("good", "bad", started_at=(STARTED - timedelta(days=1)).isoformat())
    await insert(database, [Row(model_version="1.0.0", created_at=STARTED)])
    await add(database, [*rows, failed, of_another])
    found = await report(client)
    assert (found["mode"], found["stable_version"], found["candidate_version"]) == ("shadow", "1.0.0", "2.0.0")
    assert found["canary"] is None
    shadow = found["shadow"]
    assert shadow["requests"] == 101
    assert shadow["errors"]["value"] == pytest.approx(1 / 101)
    assert shadow["agreement"]["value"] == pytest.approx(0.9)
    # Wilson's interval of 90 in 100, as R's prop.test(90, 100, correct = FALSE) has it
    assert (shadow["agreement"]["low"], shadow["agreement"]["high"]) == pytest.approx((0.8256343, 0.9447708), abs=1e-6)
    assert shadow["confusion"] == [
        {"stable": "good", "candidate": "good", "predictions": 90},
        {"stable": "good", "candidate": "bad", "predictions": 8},
        {"stable": "bad", "candidate": "good", "predictions": 2},
    ]
    assert shadow["distance"]["average"]["value"] == pytest.approx((8 * 0.5 + 2 * 0.9) / 100)
    assert shadow["distance"]["largest"] == 0.9
    assert shadow["distance"]["p50"] == 0
    assert shadow["confidence"]["difference"] == pytest.approx({"value": -0.25, "low": -0.25, "high": -0.25})
    assert shadow["inference_time_ms"]["difference"]["value"] == pytest.approx(1)
    measures = {measure["name"]: measure for measure in shadow["drift"]}
    assert measures["label"]["reference"] == pytest.approx({"bad": 0.02, "good": 0.98})
    assert measures["label"]["current"] == pytest.approx({"bad": 0.08, "good": 0.92})
    assert [one["distance"] for one in shadow["disagreements"]] == [0.9] * 2 + [0.5] * 8


async def test_disagreements_have_texts_and_inputs_where_they_are_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    await begin(database, "shadow")
    made = STARTED + timedelta(minutes=1)
    with_text, without = uuid4(), uuid4()
    rows = [Row(prediction_id=one, created_at=made, model_version="1.0.0") for one in (with_text, without)]
    await insert(database, rows)
    await database.fetch(f"UPDATE predictions.prediction SET text = 'so so' WHERE prediction_id = '{with_text}'")  # noqa: S608 - as above
    await add(database, [pair("good", "bad", prediction_id=str(one)) for one in (with_text, without)])
    texts = {one["prediction_id"]: one["text"] for one in (await report(client))["shadow"]["disagreements"]}
    assert texts == {str(with_text): "so so", str(without): None}


async def test_values_have_distances_and_no_agreement(client: httpx.AsyncClient, database: Database) -> None:
    await begin(database, "shadow")
    await insert(database, [Row(model_version="1.0.0", created_at=STARTED)])
    no_labels = {"stable_confidence": None, "confidence": None, "agrees": None, "task_type": "regression"}
    rows = [
        pair(None, None, stable_value=float(n), prediction_value=n + 2.0, distance=2.0, **no_labels) for n in range(20)
    ]
    await add(database, rows)
    shadow = (await report(client))["shadow"]
    assert shadow["agreement"] is None
    assert shadow["confidence"] is None
    assert shadow["confusion"] == []
    assert shadow["distance"]["average"] == pytest.approx({"value": 2, "low": 2, "high": 2})
    assert [measure["name"] for measure in shadow["drift"]] == ["value"]
    assert len(shadow["disagreements"]) == 10


async def test_a_canarys_versions_stand_side_by_side(client: httpx.AsyncClient, database: Database) -> None:
    await begin(database, "canary")
    at = STARTED + timedelta(minutes=1)
    rows = [Row(model_version=version, created_at=at) for version in ("1.0.0", "1.0.0", "1.0.0", "2.0.0")]
    await insert(database, rows)
    found = await report(client)
    assert found["shadow"] is None
    assert found["canary"]["current"]["metrics"]["total_predictions"] == 1
    assert found["canary"]["reference"]["metrics"]["total_predictions"] == 3


async def test_without_a_candidate_there_is_nothing_to_report(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.get(REPORT)).status_code == 404
    await insert(database, [Row()])
    answer = await client.get(REPORT)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:no-candidate")
    assert (await client.get(REPORT, headers={"Authorization": "Bearer nobody"})).status_code == 401
