"""Days are made ahead and dropped, and no writer waits for it."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.maintenance.retention import DAYS_AHEAD, Retention
from metrics_tests.rows import Row, insert, insert_over
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

NOW = datetime(2031, 5, 20, 12, tzinfo=UTC)
KEPT = 2


def retention_at(engine: AsyncEngine, now: datetime) -> Retention:
    return Retention(engine, lambda: now, row_days=KEPT, rollup_days=10, drop_attempts=10)


async def days_of(database: Database) -> list[date]:
    return [row[0] for row in await database.fetch("SELECT predictions.days_before('2100-01-01')")]


async def rows_by_table(database: Database) -> dict[str, int]:
    query = "SELECT tableoid::regclass::text, count(*) FROM predictions.prediction GROUP BY 1"
    return {name.removeprefix("predictions."): count for name, count in await database.fetch(query)}


async def test_the_next_days_are_there_from_the_first_migration_on(database: Database) -> None:
    today = datetime.now(UTC).date()
    assert set(await days_of(database)) >= {today + timedelta(days=ahead) for ahead in range(1, DAYS_AHEAD)}
    await insert(database, [Row()])
    assert "prediction_default" not in await rows_by_table(database)


async def test_rows_that_came_before_their_partition_move_into_it_and_count_once(
    database: Database, engine: AsyncEngine
) -> None:
    late = Row(created_at=NOW + timedelta(days=1))
    await insert(database, [late])
    assert await rows_by_table(database) == {"prediction_default": 1}
    await retention_at(engine, NOW).tidy()
    await insert(database, [late])
    assert await rows_by_table(database) == {"prediction_20310521": 1}
    assert await database.fetch("SELECT predictions FROM metrics.rollup WHERE minutes = 1440") == [(1,)]


async def test_what_candidates_said_goes_with_the_days(database: Database, engine: AsyncEngine) -> None:
    await retention_at(engine, NOW).tidy()
    days = [NOW, NOW + timedelta(days=3), NOW - timedelta(days=400)]
    await database.fetch(
        """INSERT INTO predictions.shadow (prediction_id, made_at, model_name, stable_version, candidate_version,
            started_at, task_type, stable_time_ms)
        SELECT gen_random_uuid(), at, 'm', '1.0.0', '2.0.0', at, 'classification', 1
        FROM unnest($1::timestamptz[]) AS at""",
        days,
    )
    query = "SELECT tableoid::regclass::text FROM predictions.shadow ORDER BY 1"
    assert [row[0] for row in await database.fetch(query)] == [
        f"predictions.shadow_{name}" for name in ("20310520", "20310523", "default")
    ]
    await retention_at(engine, NOW + timedelta(days=KEPT + 1)).tidy()
    assert [row[0] for row in await database.fetch(query)] == ["predictions.shadow_20310523"]
    assert await database.fetch("SELECT predictions.shadow_days_before('2031-05-21')") == []


async def test_responses_are_kept_for_a_day(database: Database, engine: AsyncEngine) -> None:
    await database.fetch(
        """INSERT INTO predictions.kept_response
        SELECT decode(md5(n::text), 'hex'), '', '', '{}', now() - n * interval '1 minute'
        FROM generate_series(0, 5000) AS n"""
    )
    await retention_at(engine, NOW).tidy()
    ((count, oldest),) = await database.fetch("SELECT count(*), now() - min(created_at) FROM predictions.kept_response")
    assert count == 24 * 60
    assert oldest < timedelta(days=1)


async def test_days_beyond_the_retention_go_and_their_rollups_stay(database: Database, engine: AsyncEngine) -> None:
    await retention_at(engine, NOW).tidy()
    await insert(database, [Row(created_at=NOW), Row(created_at=NOW + timedelta(days=3))])
    await retention_at(engine, NOW + timedelta(days=KEPT)).tidy()
    assert await rows_by_table(database) == {"prediction_20310520": 1, "prediction_20310523": 1}
    await retention_at(engine, NOW + timedelta(days=KEPT + 1)).tidy()
    assert await rows_by_table(database) == {"prediction_20310523": 1}
    assert min(await days_of(database)) == date(2031, 5, 21)
    assert await database.fetch("SELECT sum(predictions) FROM metrics.rollup WHERE minutes = 1") == [(2,)]
    assert await Compaction(engine).compact() == 2
    await retention_at(engine, NOW + timedelta(days=11)).tidy()
    tiers = await database.fetch("SELECT minutes, sum(predictions)::int FROM metrics.rollup GROUP BY 1 ORDER BY 1")
    assert [tuple(tier) for tier in tiers] == [(1, 1), (10, 1), (60, 2), (360, 2), (1440, 2)]


async def test_a_writer_in_the_middle_of_its_transaction_neither_waits_nor_is_waited_for(
    database: Database, engine: AsyncEngine
) -> None:
    await retention_at(engine, NOW).tidy()
    await insert(database, [Row(created_at=NOW)])
    url = for_libpq(database.url("prediction_service"))
    busy, other = await asyncpg.connect(url), await asyncpg.connect(url)
    later = NOW + timedelta(days=KEPT + 1)
    transaction = busy.transaction()
    await transaction.start()
    await insert_over(busy, [Row(created_at=later)])

    dropping = asyncio.create_task(retention_at(engine, later).tidy())
    written = 0
    while not dropping.done():
        async with asyncio.timeout(1):
            await insert_over(other, [Row(created_at=later)])
        written += 1
    await dropping
    assert "prediction_20310520" not in await rows_by_table(database)
    assert date(2031, 5, 20) in await days_of(database), "the table itself stays while somebody uses its parent"

    await insert_over(busy, [Row(created_at=later)])
    await transaction.commit()
    await retention_at(engine, later).tidy()
    assert min(await days_of(database)) == date(2031, 5, 21)
    assert await rows_by_table(database) == {"prediction_20310523": written + 2}
    await busy.close()
    await other.close()


async def test_the_service_may_not_touch_rows_itself(database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    for statement in ("DELETE FROM predictions.prediction", "TRUNCATE predictions.prediction_default"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
