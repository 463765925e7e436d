"""A database with predictions from an earlier release keeps them, counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_tests.rows import Row, insert_over
from shared.database.engine import create_engine
from shared.database.migrate import upgrade
from shared.database.roles import ensure_roles
from shared.database.service_roles import SERVICE_ROLES
from shared.testing.postgres import Database, PostgresServer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUMS = """
SELECT minutes, bucket, prediction_label, sum(predictions)::int, sum(without_confidence)::int, sum(time_sum),
    min(time_min), max(time_max), (
        SELECT array_agg((bin, n) ORDER BY bin)::text FROM (
            SELECT bin, sum(n) FROM metrics.rollup AS one, unnest(time_bins, time_counts) AS cell (bin, n)
            WHERE (one.minutes, one.bucket, one.prediction_label)
                = (rollup.minutes, rollup.bucket, rollup.prediction_label) GROUP BY bin
        ) AS histogram (bin, n)
    )
FROM metrics.rollup GROUP BY minutes, bucket, prediction_label ORDER BY minutes, bucket, prediction_label
"""


WRITERS = """
SELECT (SELECT count(DISTINCT writer) FROM metrics.rollup), (SELECT count(DISTINCT writer) FROM metrics.value_rollup),
    (SELECT count(DISTINCT writer) FROM metrics.label_rollup)
"""


@asynccontextmanager
async def at_revision(server: PostgresServer, name: str, revision: str) -> AsyncIterator[AsyncEngine]:
    """A database of its own with an older schema."""
    await server.execute(f"CREATE DATABASE {name}")
    engine = create_engine(Database(server, name).url(), "test", pool_size=1)
    try:
        async with engine.begin() as connection:
            await ensure_roles(connection, dict.fromkeys(SERVICE_ROLES, server.password))
            await connection.run_sync(upgrade, revision)
        yield engine
    finally:
        await engine.dispose()
        await server.drop_database(name)


async def test_predictions_from_before_the_rollups_are_counted(postgres_server: PostgresServer) -> None:
    async with at_revision(postgres_server, "from_before", "0002") as engine:
        before = await asyncpg.connect(postgres_server.url("from_before"))
        await insert_over(before, [Row(), Row(label="negative")])
        await before.close()
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
        async with engine.connect() as connection:
            count = text("SELECT count(*) FROM predictions.prediction")
            sums = text("SELECT minutes, sum(predictions)::int FROM metrics.rollup GROUP BY 1 ORDER BY 1")
            assert await connection.scalar(count) == 2
            assert (await connection.execute(sums)).all() == [(1, 2), (10, 2), (60, 2), (360, 2), (1440, 2)]
            in_default = text("SELECT count(*) FROM predictions.prediction_default")
            assert await connection.scalar(in_default) == 0


async def test_rows_of_writers_at_the_same_time_become_one(postgres_server: PostgresServer) -> None:
    async with at_revision(postgres_server, "of_writers", "0032") as engine:
        writers = [await asyncpg.connect(postgres_server.url("of_writers")) for _ in range(3)]
        rows = [Row(created_at=NOON, label=label, time_ms=ms) for label in (None, "good") for ms in (1.0, 2.0, 30.0)]
        rows += [Row(created_at=NOON, task_type="multilabel", value=1.5, labels=("a", "b"))]
        transactions = [writer.transaction() for writer in writers]
        for writer, transaction in zip(writers, transactions, strict=True):
            await transaction.start()
            await insert_over(writer, [replace(row, prediction_id=uuid4()) for row in rows])
        for transaction in transactions:
            await transaction.commit()
        before = await writers[0].fetch(SUMS)
        assert await writers[0].fetchrow(WRITERS) == (3, 3, 3)

        async with engine.begin() as connection:
            await connection.run_sync(upgrade)

        assert await writers[0].fetch(SUMS) == before
        assert await writers[0].fetchrow(WRITERS) == (1, 1, 1)
        await insert_over(writers[0], [replace(row, prediction_id=uuid4()) for row in rows])
        await writers[0].fetchval("SELECT metrics.count_predictions(100)")
        counted = "SELECT label_names, label_counts FROM metrics.label_rollup WHERE minutes = 60"
        ((names, counts),) = await writers[0].fetch(counted)
        assert dict(zip(names, counts, strict=True)) == {"a": 4, "b": 4}
        for writer in writers:
            await writer.close()
