"""What each key gets is counted with what is recorded, and kept for a bounded time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.maintenance.retention import DAYS_OF_KEYS, HOURS_OF_KEYS, Retention
from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
SHOP, OTHER = uuid4(), uuid4()

ROLLUPS = """
SELECT minutes, bucket, key_id, predictions, without_confidence, confidence_sum, time_sum FROM metrics.key_rollup
"""


async def compacted(engine: AsyncEngine) -> None:
    """Several at a time: what one takes no other does."""
    compactions = [Compaction(engine, lambda: NOW) for _ in range(3)]
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
