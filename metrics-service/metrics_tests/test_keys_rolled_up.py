"""What each key gets is counted with what is recorded, and kept for a bounded time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.maintenance.retention import DAYS_OF_KEYS, HOURS_OF_KEYS, Retention
from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

NOW = datetime.now(UTC).replace(hour=12, minute=30, second=0, microsecond=0) - timedelta(days=1)
"""Not long ago: the service itself drops the hours of keys that are older than HOURS_OF_KEYS."""
SHOP, OTHER = uuid4(), uuid4()
MICROSECOND = timedelta(microseconds=1)

ROLLUPS = """
SELECT minutes, bucket, key_id, predictions, without_confidence, confidence_sum, time_sum FROM metrics.key_rollup
"""


async def compacted(engine: AsyncEngine) -> None:
    """Several at a time: what one takes no other does."""
    compactions = [Compaction(engine) for _ in range(3)]
    while any(await asyncio.gather(*(compaction.compact() for compaction in compactions))):
        pass


async def write(database: Database, rows: Sequence[Row]) -> None:
    """By several writers at the same time."""
    await asyncio.gather(*(insert(database, rows[number::4]) for number in range(4)))


async def test_what_many_writers_record_is_counted_once(database: Database, engine: AsyncEngine) -> None:
    rows = [Row(created_at=NOW, confidence=0.5, time_ms=2.0, key_id=key) for key in (SHOP, OTHER) for _ in range(40)]
    rows += [Row(created_at=NOW, confidence=None, time_ms=2.0, key_id=SHOP)] * 1
    for _ in range(2):  # the second time nothing is recorded
        await write(database, [*rows, *(Row(created_at=NOW) for _ in range(4))])
        await compacted(engine)
    hour, day = NOW.replace(minute=0), NOW.replace(minute=0, hour=0)
    found = await database.fetch(ROLLUPS)
    expected = {
        (minutes, bucket, key, *sums)
        for minutes, bucket in ((60, hour), (1440, day))
        for key, sums in ((SHOP, (41, 1, 20.0, 82.0)), (OTHER, (40, 0, 20.0, 80.0)))
    }
    assert {tuple(row) for row in found} == expected
    assert await database.fetch("SELECT FROM metrics.key_batch") == []


async def test_hours_go_before_days(database: Database, engine: AsyncEngine) -> None:
    ages = [timedelta(hours=1), HOURS_OF_KEYS + timedelta(days=1), DAYS_OF_KEYS + timedelta(days=1)]
    await insert(database, [Row(created_at=NOW - age, key_id=SHOP) for age in ages])
    await compacted(engine)
    await Retention(engine, lambda: NOW, row_days=1000, rollup_days=1000, drop_attempts=1).tidy()
    found = await database.fetch("SELECT minutes, count(*)::int FROM metrics.key_rollup GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in found] == [(60, 1), (1440, 2)]


async def test_a_key_is_reported_by_version_over_whole_hours_compacted_or_not(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    hour = NOW.replace(minute=0)
    times = [hour - timedelta(hours=1), hour, NOW, hour + timedelta(hours=1) - MICROSECOND]
    rows = [Row(created_at=at, confidence=0.5, time_ms=4.0, key_id=key) for at in times for key in (SHOP, OTHER)]
    rows += [Row(created_at=NOW, confidence=None, time_ms=1.0, model_name="price", key_id=SHOP)]
    outside = [hour - timedelta(hours=1) - MICROSECOND, hour + timedelta(hours=1)]
    await insert(database, rows + [Row(created_at=at, key_id=SHOP) for at in outside])
    asked = {"key_id": str(SHOP), "time_window_hours": 2, "window_end": NOW.isoformat()}
    expected = {
        "key_id": str(SHOP),
        "predictions": 5,
        "versions": [
            {"model_name": "lexicon", "average_confidence": 0.5, "average_inference_time_ms": 4.0, "predictions": 4},
            {"model_name": "price", "average_confidence": None, "average_inference_time_ms": 1.0, "predictions": 1},
        ],
        "time_window_start": f"{NOW:%Y-%m-%d}T11:00:00Z",
        "time_window_end": f"{NOW:%Y-%m-%d}T13:00:00Z",
    }
    for version in expected["versions"]:
        version["model_version"] = "1.0.0"
    assert (await client.get("/metrics/keys", params=asked)).json() == expected
    await compacted(engine)
    assert (await client.get("/metrics/keys", params=asked)).json() == expected
    price = (await client.get("/metrics/keys", params=asked | {"model_name": "price"})).json()
    assert (price["predictions"], price["versions"]) == (1, expected["versions"][1:])
    exactly = (await client.get("/metrics/keys", params=asked | {"window_end": hour.isoformat()})).json()
    assert (exactly["predictions"], exactly["time_window_end"]) == (2, f"{NOW:%Y-%m-%d}T12:00:00Z")


async def test_questions_by_key_that_have_no_answer_say_why(client: httpx.AsyncClient) -> None:
    unknown = {"key_id": str(uuid4())}
    nothing = (await client.get("/metrics/keys", params=unknown)).json()
    assert (nothing["predictions"], nothing["versions"]) == (0, [])
    for asked, location in (
        ({}, "query.key_id"),
        (unknown | {"time_window_hours": 0}, "query.time_window_hours"),
        (unknown | {"time_window_hours": 937}, "query.time_window_hours"),
        (unknown | {"window_end": "2026-05-04"}, "query.window_end"),
        (unknown | {"window_end": (datetime.now(UTC) - HOURS_OF_KEYS).isoformat()}, "query.window_end"),
        (unknown | {"window_end": (datetime.now(UTC) + timedelta(hours=25)).isoformat()}, "query.window_end"),
    ):
        refused = await client.get("/metrics/keys", params=asked)
        assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, location)
    assert (await client.get("/metrics/keys", params=unknown | {"model_name": "nobody"})).status_code == 404
    for path in ("aggregated", "timeseries", "drift", "compare", "quality", "calibration"):
        refused = await client.post(f"/metrics/{path}", json=unknown)
        assert refused.status_code == 422
        assert "body.key_id" in [error["location"] for error in refused.json()["errors"]], path
    unlocked = await client.get("/metrics/keys", params=unknown, headers={"Authorization": ""})
    assert unlocked.status_code == 401
