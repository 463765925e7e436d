"""Rows of several writers become one, nothing is lost, and nobody waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.windows.aggregates import aggregate
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests.rows import Row, insert_over
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITERS = 3
FOLDED = 2 * 2 * (3 + 1 + 1)
"""Of two writers, in the widths that are over: series of rollups, of values and of labels."""
STATEMENTS = 2 * WRITERS
"""Whose inputs are counted in the same step."""


@pytest.fixture
async def writers(database: Database) -> AsyncIterator[list[asyncpg.Connection]]:
    url = for_libpq(database.url("prediction_service"))
    connections = [await asyncpg.connect(url) for _ in range(WRITERS)]
    yield connections
    for connection in connections:
        await connection.close()


async def write_at_once(writers: list[asyncpg.Connection], *, at: datetime) -> None:
    """Every writer's transaction is open before the first one commits, so each has a number of its own."""
    async with AsyncExitStack() as open_transactions:
        for number, writer in enumerate(writers):
            await open_transactions.enter_async_context(writer.transaction())
            await insert_over(
                writer, [Row(created_at=at, time_ms=1.0 + number + n, label=f"{n % 2}") for n in range(20)]
            )
            await insert_over(writer, [other_task(number, n, at) for n in range(20)])


def other_task(number: int, n: int, at: datetime) -> Row:
    """A prediction with everything that a classifier's has not."""
    return Row(
        created_at=at,
        label="0",
        task_type="regression",
        value=(-1.5) ** n * (number + 1),
        labels=("a", "b", "c")[: n % 4],
        input_bins=(number, n % 3 - 1),
    )


async def numbers(database: Database, minutes: int) -> list[int]:
    query = "SELECT DISTINCT writer FROM metrics.rollup WHERE minutes = $1 ORDER BY 1"
    return [row["writer"] for row in await database.fetch(query, minutes)]


async def test_only_buckets_that_are_over_are_folded_and_the_numbers_stay_the_same(
    database: Database, engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    await write_at_once(writers, at=NOON)
    await write_at_once(writers, at=NOON + timedelta(seconds=30))
    selection = Selection(Window(NOON - timedelta(hours=1), NOON + timedelta(hours=1)))
    before = await aggregate(engine, selection)
    assert await Compaction(engine, lambda: NOON + timedelta(minutes=15)).compact() == FOLDED + STATEMENTS
    assert [await numbers(database, minutes) for minutes in (1, 10, 60)] == [[0], [0], [0, 1, 2]]
    assert await aggregate(engine, selection) == before
    fine = Selection(Window(NOON, NOON + timedelta(minutes=10)))
    assert await aggregate(engine, fine) == before


async def test_who_folds_waits_for_nobody_and_nobody_for_it(
    database: Database, engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    await write_at_once(writers, at=NOON)
    compaction = Compaction(engine, lambda: NOON + timedelta(days=2))
    async with asyncio.timeout(10):
        async with writers[0].transaction():
            await insert_over(writers[0], [Row(created_at=NOON, label="0")])
            assert await compaction.compact() == WRITERS, "number 0 is taken: inputs are counted and nothing folded"
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT metrics.fold_writers('2030-01-01Z', 1000)")
            await insert_over(writers[1], [Row(created_at=NOON, label="0")])
        while await compaction.compact():
            pass
    assert await numbers(database, 1) == [0]
    found = await database.fetch("SELECT minutes, sum(predictions)::int FROM metrics.rollup GROUP BY 1 ORDER BY 1")
    assert {total for _, total in found} == {2 * 20 * WRITERS + 2}
    for table in ("value_rollup", "label_rollup"):
        left = await database.fetch(
            f"SELECT writer, sum(predictions)::int FROM metrics.{table} WHERE minutes = 60 GROUP BY 1"  # noqa: S608
        )
        assert [tuple(row) for row in left] == [(0, 20 * WRITERS)]
