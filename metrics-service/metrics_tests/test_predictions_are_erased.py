"""What was erased is gone with all that belongs to it, stays away, and leaves aggregates as they were."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.predictions import erasure
from metrics_service.predictions.erasure import Eraser
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.http.caller import caller_digest
from shared.testing.postgres import Database

ALICE, BOB = (UUID(caller_digest(address)) for address in ("192.0.2.1", "192.0.2.2"))
KEPT_DAYS = 30


async def on_record(database: Database) -> set[UUID]:
    return {UUID(str(row[0])) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")}


async def counted(client: httpx.AsyncClient) -> int:
    return (await client.get("/metrics/count")).json()["total_predictions"]


async def judge(client: httpx.AsyncClient, database: Database, row: Row) -> None:
    await register(database, row.model_name)
    given = {"prediction_id": str(row.prediction_id), "label": "neutral"}
    (await client.post("/feedback", json=given)).raise_for_status()


async def keep_response(database: Database, *rows: Row) -> None:
    await database.fetch(
        "INSERT INTO predictions.kept_response (key, fingerprint, response, prediction_ids, created_at) "
        "VALUES ($1, '', '', $2, now())",
        rows[0].prediction_id.bytes, [row.prediction_id for row in rows],
    )  # fmt: skip


async def test_one_prediction_goes_with_all_that_belongs_to_it_and_the_others_stay(
    client: httpx.AsyncClient, database: Database
) -> None:
    now = datetime.now(UTC)
    doomed, other = Row(created_at=now), Row(created_at=now)
    await insert(database, [doomed, other])
    for row in (doomed, other):
        await judge(client, database, row)
        await keep_response(database, row)
    before = await counted(client)

    answer = await client.delete(f"/predictions/{doomed.prediction_id}")
    assert answer.json() == {"predictions": 1, "feedback": 1, "is_complete": True}
    assert await on_record(database) == {other.prediction_id}
    assert (await client.get(f"/predictions/{doomed.prediction_id}")).status_code == 404
    assert [row[0] for row in await database.fetch("SELECT prediction_id FROM metrics.feedback")] == [
        other.prediction_id
    ]
    kept = await database.fetch("SELECT prediction_ids FROM predictions.kept_response")
    assert [row[0] for row in kept] == [[other.prediction_id]]
    assert await counted(client) == before
    rolled_up = await database.fetch("SELECT sum(predictions)::int FROM metrics.rollup WHERE minutes = 60")
    assert rolled_up == [(2,)]

    again = await client.delete(f"/predictions/{doomed.prediction_id}")
    assert again.json() == {"predictions": 0, "feedback": 0, "is_complete": True}
    (act, _) = (await client.get("/metrics/audit", params={"subject": "record"})).json()["acts"]
    assert (act["action"], act["detail"]) == ("erased", {"prediction_id": str(doomed.prediction_id)})
    assert act["request_id"]


async def test_a_caller_is_erased_from_one_model_or_from_all(client: httpx.AsyncClient, database: Database) -> None:
    now = datetime.now(UTC)
    rows = [
        Row(caller=caller, model_name=model, created_at=now)
        for caller in (ALICE, BOB, None)
        for model in ("lexicon", "other")
        for _ in range(3)
    ]
    await insert(database, rows)
    await judge(client, database, rows[0])
    by_model = await client.delete("/predictions", params={"caller": "192.0.2.1", "model_name": "lexicon"})
    assert by_model.json() == {"predictions": 3, "feedback": 1, "is_complete": True}
    left = [row for row in rows if (row.caller, row.model_name) != (ALICE, "lexicon")]
    assert await on_record(database) == {row.prediction_id for row in left}
    by_digest = await client.delete("/predictions", params={"caller": ALICE.hex})
    assert by_digest.json()["predictions"] == 3
    assert await on_record(database) == {row.prediction_id for row in left if row.caller != ALICE}
    acts = (await client.get("/metrics/audit", params={"subject": "record"})).json()["acts"]
    assert [(act["model_name"], act["detail"]) for act in acts] == [
        (None, {"caller": ALICE.hex}), ("lexicon", {"caller": ALICE.hex})
    ]  # fmt: skip
    for wrong, status in (({}, 422), ({"caller": ""}, 422), ({"caller": "x", "model_name": "nobody"}, 404)):
        assert (await client.delete("/predictions", params=wrong)).status_code == status


async def test_what_one_request_cannot_erase_goes_by_itself(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await insert(database, [Row(caller=ALICE, created_at=datetime.now(UTC)) for _ in range(10)])
    monkeypatch.setattr(erasure, "AT_MOST", 4)
    monkeypatch.setattr(erasure, "REQUEST_SECONDS", -1.0)
    answer = await client.delete("/predictions", params={"caller": "192.0.2.1"})
    assert answer.json() == {"predictions": 4, "feedback": 0, "is_complete": False}
    eraser = Eraser(engine, lambda: datetime.now(UTC), KEPT_DAYS)
    await eraser.tidy()
    await eraser.tidy()
    assert await on_record(database) == set()


async def test_an_erasure_is_looked_after_and_forgotten_when_nothing_can_come_back(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    """Recorded at the very moment when it was erased: the next look finds it."""
    late, later = Row(caller=ALICE, created_at=datetime.now(UTC)), Row(caller=ALICE)
    await client.delete(f"/predictions/{late.prediction_id}")
    await client.delete("/predictions", params={"caller": ALICE.hex})
    later = Row(caller=ALICE, created_at=datetime.now(UTC) + timedelta(seconds=1))
    await insert(database, [late, Row(caller=ALICE, created_at=late.created_at), later])
    passed = timedelta(0)
    eraser = Eraser(engine, lambda: datetime.now(UTC) + passed, KEPT_DAYS)
    await eraser.tidy()
    assert await on_record(database) == {later.prediction_id}, "what a caller asks after that stays"
    unfinished = "SELECT count(*) FROM predictions.erasure WHERE finished_at IS NULL"
    assert await database.fetch(unfinished) == [(2,)]
    passed = timedelta(hours=2)
    await eraser.tidy()
    assert await database.fetch(unfinished) == [(0,)]
    assert await database.fetch("SELECT count(*) FROM predictions.erasure") == [(2,)]
    passed = timedelta(days=KEPT_DAYS + 2)
    await eraser.tidy()
    assert await database.fetch("SELECT count(*) FROM predictions.erasure") == [(0,)]


async def test_nobody_erases_without_the_token(database: Database) -> None:
    row = Row(created_at=datetime.now(UTC), caller=ALICE)
    await insert(database, [row])
    async with client_of(settings_for(database), headers={}) as anonymous:
        assert (await anonymous.delete(f"/predictions/{uuid4()}")).status_code == 401
        assert (await anonymous.delete("/predictions", params={"caller": "192.0.2.1"})).status_code == 401
    assert await on_record(database) == {row.prediction_id}
