"""What statements have put down becomes rows of the rollups: nothing is lost, no number changes, and nobody waits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import (
    AT_MOST,
    BUSY_SECONDS,
    INPUTS_AT_MOST,
    KEYS_AT_MOST,
    MUCH,
    ROUND_SECONDS,
    Compaction,
    Step,
)
from metrics_service.windows.aggregates import aggregate
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests.rows import Row, insert_over, writers_to
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITERS = 3
SERIES = 3
"""Of a statement: two labels of one model, one of another."""
TABLES = ("rollup", "value_rollup", "label_rollup")


@pytest.fixture
async def writers(database: Database) -> AsyncIterator[list[asyncpg.Connection]]:
    async with writers_to(database, WRITERS) as writers:
        yield writers


async def write_at_once(writers: list[asyncpg.Connection], *, at: datetime) -> None:
    """Every writer's statement, at the same time."""
    await asyncio.gather(
        *(insert_over(writer, [*classified(number, at), *others(number, at)]) for number, writer in enumerate(writers))
    )


def classified(number: int, at: datetime) -> list[Row]:
    """Predictions of two labels, and of none."""
    return [Row(created_at=at, time_ms=1.0 + number + n, label=f"{n % 2}") for n in range(20)]


def others(number: int, at: datetime) -> list[Row]:
    """Predictions with everything that a classifier's have not."""
    return [
        Row(
            created_at=at,
            label=None,
            task_type="regression",
            value=(-1.5) ** n * (number + 1),
            labels=("a", "b", "c")[: n % 4],
            input_bins=(number, n % 3 - 1),
        )
        for n in range(20)
    ]


async def rows_of(database: Database, table: str) -> list[tuple[int, int]]:
    """The widths of a table's rows, and what is in them."""
    found = await database.fetch(f"SELECT minutes, predictions::int FROM metrics.{table} ORDER BY 1, 2")  # noqa: S608
    return [tuple(row) for row in found]


async def test_no_number_changes_and_a_series_has_one_row_per_bucket(
    database: Database, engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    selections = [
        Selection(Window(NOON - timedelta(hours=1), NOON + timedelta(hours=1))),
        Selection(Window(NOON, NOON + timedelta(minutes=1))),
    ]
    for turn in (1, 2):  # the second time rows are there already
        await write_at_once(writers, at=NOON)
        await write_at_once(writers, at=NOON + timedelta(seconds=90))
        before = [await aggregate(engine, selection) for selection in selections]
        statements = 2 * WRITERS
        assert await Compaction(engine).compact() == statements * SERIES + statements, "with those of inputs"
        assert await Compaction(engine).compact() == 0
        assert [await aggregate(engine, selection) for selection in selections] == before
        for table in TABLES:
            assert (1440, turn * statements * 20) in await rows_of(database, f"{table}_counted")
        assert [len(await rows_of(database, f"{table}_counted")) for table in TABLES] == [SERIES * 6, 6, 6]
    assert await database.fetch("SELECT FROM metrics.prediction_batch") == []


async def test_late_predictions_of_many_minutes_are_counted_step_by_step(
    database: Database, engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    await insert_over(writers[0], [Row(created_at=NOON + timedelta(minutes=number)) for number in range(90)])
    steps = 0
    while await Compaction(engine).compact():
        steps += 1
    assert steps == 5, "of twenty minutes at most"
    counted = await rows_of(database, "rollup_counted")
    assert counted[:90] == [(1, 1)] * 90
    assert counted[90:] == [*[(10, 10)] * 9, (60, 30), (60, 60), (360, 90), (1440, 90)]


async def test_a_step_takes_no_more_rows_than_it_was_told_of_however_many_minutes(
    database: Database, writers: list[asyncpg.Connection]
) -> None:
    for number in range(9):
        await insert_over(writers[0], [Row(created_at=NOON + timedelta(minutes=number % 3))])
    service = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    assert [await service.fetchval("SELECT metrics.count_predictions(4)") for _ in range(4)] == [4, 4, 1, 0]
    await service.close()
    assert (1440, 9) in await rows_of(database, "rollup_counted")


async def test_who_counts_waits_for_nobody_and_nobody_for_it(
    database: Database, engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    await write_at_once(writers, at=NOON)
    async with asyncio.timeout(10):
        async with writers[0].transaction():
            await insert_over(writers[0], [Row(created_at=NOON, label="0")])
            assert await Compaction(engine).compact() == WRITERS * SERIES + WRITERS, "what is committed"
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT metrics.count_predictions(1000)")
            assert await Compaction(engine).compact() == 0, "somebody else counts"
            await insert_over(writers[1], [Row(created_at=NOON, label="0")])
    assert await Compaction(engine).compact() == 1
    assert {total for _, total in await rows_of(database, "value_rollup_counted")} == {WRITERS * 20}
    found = await database.fetch("SELECT sum(predictions)::int FROM metrics.rollup_counted WHERE minutes = 60")
    assert [tuple(row) for row in found] == [(WRITERS * 40 + 2,)]


async def test_a_replica_of_the_release_before_counts_and_forgets_by_the_names_that_it_knows(
    database: Database, writers: list[asyncpg.Connection]
) -> None:
    await write_at_once(writers, at=NOON)
    service = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    assert await service.fetchval("SELECT metrics.fold_writers($1, 2)", NOON) == WRITERS * SERIES, "five for a bucket"
    await write_at_once(writers, at=NOON + timedelta(minutes=30))
    for table in TABLES:
        await service.execute(
            f"DELETE FROM metrics.{table} WHERE minutes IN (1, 10) AND bucket < $1",  # noqa: S608
            NOON + timedelta(minutes=1),
        )
        assert {minutes for minutes, _ in await rows_of(database, f"{table}_counted")} == {60, 360, 1440}
        assert {minutes for minutes, _ in await rows_of(database, table)} == {1, 10, 60, 360, 1440}
    await service.close()


@pytest.mark.parametrize(
    ("step", "pause"),
    [
        (Step(0, 0, 0), ROUND_SECONDS),
        (Step(MUCH - 1, 0, 0), ROUND_SECONDS),
        (Step(MUCH, 0, 0), BUSY_SECONDS),
        (Step(0, MUCH, 0), BUSY_SECONDS),
        (Step(AT_MOST, 0, 0), 0.0),
        (Step(0, INPUTS_AT_MOST, 0), 0.0),
        (Step(0, 0, KEYS_AT_MOST), 0.0),
    ],
)
def test_the_next_step_follows_the_sooner_the_more_there_was(step: Step, pause: float) -> None:
    assert step.pause == pause
