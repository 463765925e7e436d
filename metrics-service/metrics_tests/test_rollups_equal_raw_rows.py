"""Whatever was written and whatever is asked: rollups say what plain SQL on the raw rows says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.windows.aggregates import Aggregates, aggregate
from metrics_service.windows.aggregates import count as count_all
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests import plain_sql
from metrics_tests.rows import Row, insert_over, writers_to
from shared.contracts.values import LabelMetrics, ValueMetrics
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
WRITERS = 4

edges = st.sampled_from([-1441, -1440, -1439, -61, -60, -59, -11, -10, -1, 0, 1, 2, 10, 11, 59, 60, 61])
nudges = st.sampled_from([-1, 0, 1]) | st.integers(-60_000_000, 60_000_000)
instants = st.builds(lambda m, us: MIDNIGHT + timedelta(minutes=m, microseconds=us), edges, nudges)
times = st.sampled_from([0.0, 5e-324, 1.0, 1.02, 1.02**2, 3.6e6]) | st.floats(1e-3, 1e5)
rows = st.builds(
    Row,
    created_at=instants,
    label=st.sampled_from(["positive", "negative", "neutral", None]),
    confidence=st.floats(0, 1) | st.sampled_from([0.0, 0.05, 1.0, None]),
    time_ms=times,
    model_name=st.sampled_from(["a", "b"]),
    model_version=st.sampled_from(["1.0.0", "1.0.1"]),
    task_type=st.sampled_from(["classification", "regression"]),
    input_length=st.integers(0, 10_000),
)
values = st.floats(-1e15, 1e15).filter(lambda v: v == 0 or abs(v) >= 1e-9) | st.sampled_from(
    [0.0, 1.0, -1.0, 1.02, -(1.02**3), 1e-9, 1e150, -1e150, 3e-310]
)
other_tasks = st.builds(
    replace,
    rows,
    task_type=st.just("regression"),
    value=values | st.none(),
    labels=st.none() | st.lists(st.sampled_from("abcdef"), unique=True, max_size=4).map(tuple),
)
windows = st.builds(Window.ending, instants, st.integers(1, 1440))
LAST_BOUND = 1.02**1744
examples = count()


@pytest.fixture
async def writers(database: Database) -> AsyncIterator[list[asyncpg.Connection]]:
    async with writers_to(database, WRITERS) as writers:
        yield writers


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    yield connection
    await connection.close()


def assert_same(ours: Aggregates, plain: dict) -> None:
    if plain["total_predictions"] == 0:
        assert ours == Aggregates()
        return
    for name, value in asdict(ours).items():
        if name in ("values", "labels"):
            assert_same_outcomes(value, plain[name])
        elif name in ("p50_inference_time_ms", "p95_inference_time_ms", "p99_inference_time_ms"):
            assert value == pytest.approx(plain[name], rel=0.01, abs=1e-300), name
        elif name.startswith("average") and plain[name] is not None:
            assert value == pytest.approx(plain[name], rel=1e-9), name
        else:
            assert value == plain[name], name


def assert_same_outcomes(ours: ValueMetrics | LabelMetrics | None, plain: dict | None) -> None:
    """Percentiles of what is further from 0 than the last bin's bound are only within the extremes."""
    if ours is None or plain is None:
        assert ours is plain
        return
    for name, value in ours.model_dump().items():
        if name.startswith("p") and name != "predictions":
            near = neighbours(plain["in_order"], int(name[1:]) / 100)
            if all(abs(neighbour) <= LAST_BOUND for neighbour, _ in near):
                size = sum(abs(neighbour) * weight for neighbour, weight in near)
                assert value == pytest.approx(plain[name], abs=0.01 * size + 2e-9), name
            assert plain["min"] <= value <= plain["max"]
        elif name in ("sum", "average"):
            assert value == pytest.approx(plain[name], rel=1e-9, abs=1e-9 * max(abs(plain["min"]), abs(plain["max"])))
        else:
            assert value == pytest.approx(plain[name], rel=1e-12), name


def neighbours(in_order: list[float], fraction: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two values between which a percentile is interpolated, each with its weight; each may be off by 1 %."""
    position = fraction * (len(in_order) - 1)
    rank, weight = int(position), position % 1
    return (in_order[rank], 1 - weight), (in_order[min(rank + 1, len(in_order) - 1)], weight)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    batches=st.lists(st.lists(rows | other_tasks, min_size=1, max_size=12), min_size=1, max_size=WRITERS),
    window=windows,
    task_type=st.sampled_from([None, "classification"]),
    by_model=st.booleans(),
    counts=st.integers(0, 2),
)
async def test_random_rows_windows_and_filters_from_several_writers_at_once(
    engine: AsyncEngine,
    writers: list[asyncpg.Connection],
    reader: asyncpg.Connection,
    batches: list[list[Row]],
    window: Window,
    task_type: str | None,
    by_model: bool,
    counts: int,
) -> None:
    model_name = f"a{next(examples)}" if by_model else None
    named = [[replace(row, model_name=model_name or row.model_name) for row in batch] for batch in batches]
    await asyncio.gather(*(insert_over(writer, batch) for writer, batch in zip(writers, named, strict=False)))
    for _ in range(counts):
        await Compaction(engine).compact()
    ours = await aggregate(engine, Selection(window, task_type, model_name))
    assert_same(ours, await plain_sql.aggregate(reader, window.start, window.end, task_type, model_name))
    assert await count_all(engine) == await reader.fetchval("SELECT count(*) FROM predictions.prediction")


async def test_many_rows_that_arrive_and_are_counted_while_questions_are_asked_are_never_seen_by_halves(
    engine: AsyncEngine, writers: list[asyncpg.Connection], reader: asyncpg.Connection
) -> None:
    window = Window(MIDNIGHT - timedelta(minutes=5, seconds=30), MIDNIGHT + timedelta(minutes=5, seconds=30))

    async def write(writer: asyncpg.Connection, number: int) -> None:
        for batch in range(20):
            at = MIDNIGHT + timedelta(seconds=(batch * 37 + number * 11) % 600 - 300)
            await insert_over(writer, [Row(created_at=at, time_ms=1.0 + n) for n in range(10)])

    async def ask() -> None:
        while not writing.done():
            ours = await aggregate(engine, Selection(window))
            assert ours.total_predictions % 10 == 0

    async def count() -> None:
        while not writing.done():
            await Compaction(engine).compact()

    writing = asyncio.gather(*(write(writer, number) for number, writer in enumerate(writers)))
    await asyncio.gather(writing, ask(), ask(), count(), count())
    ours = await aggregate(engine, Selection(window))
    assert ours.total_predictions == 20 * 10 * WRITERS
    assert_same(ours, await plain_sql.aggregate(reader, window.start, window.end, None, None))


async def test_a_window_that_ends_now_needs_no_raw_rows_of_its_last_minute(
    engine: AsyncEngine, writers: list[asyncpg.Connection], database: Database
) -> None:
    now = MIDNIGHT + timedelta(seconds=40)
    selection = Selection(Window.ending(now, 60))
    await insert_over(writers[0], [Row(created_at=now - timedelta(microseconds=1)) for _ in range(5)])
    await database.fetch("DELETE FROM predictions.prediction")  # the rollups stay
    assert (await aggregate(engine, selection)).total_predictions == 5
    # Another machine's clock is ahead: that row is not in the window, so the whole minute would be too much.
    await insert_over(writers[0], [Row(created_at=now)])
    assert (await aggregate(engine, selection)).total_predictions == 0


async def test_a_writer_that_has_not_committed_keeps_nobody_waiting(
    engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    open_transaction = writers[0].transaction()
    await open_transaction.start()
    await insert_over(writers[0], [Row()])
    async with asyncio.timeout(10):
        for writer in writers[1:]:
            await insert_over(writer, [Row()])
    assert await count_all(engine) == WRITERS - 1
    await open_transaction.rollback()
    assert await count_all(engine) == WRITERS - 1


async def test_a_prediction_that_is_written_twice_counts_once(
    engine: AsyncEngine, writers: list[asyncpg.Connection]
) -> None:
    row = Row()
    for batch in ([row], [row], [row, Row()]):
        await insert_over(writers[0], batch)
    assert await count_all(engine) == 2


async def test_what_is_counted_is_one_row_per_series_and_bucket(
    database: Database, writers: list[asyncpg.Connection]
) -> None:
    for _ in range(3):
        await insert_over(writers[0], [Row(created_at=MIDNIGHT), Row(created_at=MIDNIGHT, label="negative")])
    await database.fetch("SELECT metrics.count_predictions(100)")
    found = await database.fetch("SELECT minutes, predictions FROM metrics.rollup ORDER BY minutes")
    assert [tuple(row) for row in found] == [(minutes, 3) for minutes in (1, 10, 60, 360, 1440) for _ in range(2)]
