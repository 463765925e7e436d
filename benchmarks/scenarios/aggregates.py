"""Does an answer cost the same at ten million predictions as at ten thousand?

One database grows from 10⁴ to 10⁷ predictions over the same 24 hours; a second stays at 10⁴. At each size
`/metrics/aggregated` is asked over HTTP, on both in turns, and plain SQL on the raw rows beside it. Then: the rollups'
size on disk, and what a row costs with and without them, written by the recorder's kind of statement.

Ten million rows need about 4 GB in the system's temporary folder (TMPDIR) and five minutes.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import httpx
import psutil
from uuid_utils import uuid7

from benchmarks.contestants import table
from benchmarks.harness.contest import Contestant, Duel, contest
from benchmarks.harness.prediction_store import PredictionStore, make_store, store_server
from benchmarks.harness.report import Bar, Plot, Result, Table, bar
from benchmarks.harness.servers import Server, seconds_of_all
from benchmarks.harness.turns import Sample, in_turns
from benchmarks.options import Options
from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer

TITLE = "Aggregates over many predictions"
FEW_ROWS = 10_000
WARM_UP, ROUNDS, REQUESTS = 20, 5, 30
WRITERS, BATCH_ROWS = 2, 1000
P50_MS, GROWTH, SPEED_UP, WRITE_MOST, DISK_PERCENT = 50, 2, 50, 1.67, 5
WITH, WITHOUT = "with rollups", "without"

PLAIN = """
    SELECT count(*), avg(confidence), avg(inference_time_ms), min(inference_time_ms), max(inference_time_ms),
        percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY inference_time_ms),
        (SELECT jsonb_object_agg(prediction_label, n) FROM (
            SELECT prediction_label, count(*) AS n FROM predictions.prediction
            WHERE created_at >= $1 AND created_at < $2 GROUP BY 1
        ) AS label)
    FROM predictions.prediction WHERE created_at >= $1 AND created_at < $2
"""

WRITE = """
    INSERT INTO predictions.prediction
    SELECT *, '{}'::jsonb, NULL FROM unnest(
        $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[],
        $9::integer[]
    ) ON CONFLICT DO NOTHING
"""

Times = dict[str, Sample]
"""Milliseconds, by what was asked: `few`, `many`, `plain`; of each round the median."""

Findings = dict[int, Times]
"""By the number of rows."""


def run(options: Options) -> Result:
    """Everything, on one Postgres."""
    folder = options.folder / "aggregates"
    folder.mkdir(mode=0o755)
    with store_server(folder) as server:
        many, times, share = asyncio.run(growing(server, folder, options))
        writing = writes(server, many, options)
    bars = judged(times[options.rows], options.rows, share, writing[WITHOUT])
    return Result(TITLE, bars, tables(times, writing), [plot(times)])


async def growing(server: PostgresServer, folder: Path, options: Options) -> tuple[PredictionStore, Findings, float]:
    """Size after size; the large store, what was found at each size, and the rollups' share of the rows on disk."""
    end = datetime.now(UTC)
    few, many = await make_store(server, "few"), await make_store(server, "many")
    await few.fill(FEW_ROWS, end)
    times: Findings = {}
    for rows in sizes(options.rows):
        await many.fill(rows - max(times, default=0), end)
        times[rows] = await times_at(server, few, many, folder, end)
    rollup_bytes, row_bytes = await many.sizes()
    async with many.connection() as connection:
        await connection.execute("CHECKPOINT")  # what the loading left to be synced shall slow nobody's turn
    return many, times, rollup_bytes / row_bytes


def sizes(most: int) -> list[int]:
    """From few rows to many, by tens."""
    found = [most]
    while found[0] > FEW_ROWS:
        found.insert(0, found[0] // 10)
    return found


async def times_at(
    server: PostgresServer, few: PredictionStore, many: PredictionStore, folder: Path, end: datetime
) -> Times:
    """What an answer takes with few rows and with as many as there are now, by HTTP, and with plain SQL."""
    async with (
        metrics_service(server, few, folder) as ask_few,
        metrics_service(server, many, folder) as ask_many,
        many.connection() as connection,
    ):
        questions = {"few": partial(ask_few, end), "many": partial(ask_many, end)}
        await milliseconds(questions, WARM_UP)
        plain = {"plain": partial(connection.fetchrow, PLAIN, end - timedelta(hours=24), end)}
        rounds = [await milliseconds(questions, REQUESTS) | await milliseconds(plain, 1) for _ in range(ROUNDS)]
        return {name: Sample([times[name].middle for times in rounds]) for name in (*questions, *plain)}


async def milliseconds(questions: Mapping[str, Callable[[], Awaitable[object]]], times: int) -> Times:
    """How long each takes; they are asked in turns, so that what else the machine does hits all."""
    durations: dict[str, list[float]] = {name: [] for name in questions}
    for name in in_turns(questions, times):
        started = time.perf_counter()
        await questions[name]()
        durations[name].append((time.perf_counter() - started) * 1000)
    return {name: Sample(found) for name, found in durations.items()}


@asynccontextmanager
async def metrics_service(
    server: PostgresServer, store: PredictionStore, folder: Path
) -> AsyncIterator[Callable[[datetime], Awaitable[object]]]:
    """The service on a database that it has folded; asks it for the 24 hours before a time."""
    port = next(free_ports())
    variables = {
        "PORT": str(port),
        "ADMIN_TOKEN": "of-the-benchmarks",
        "DATABASE_URL": server.url(store.name, "metrics_service"),
        "LOG_LEVEL": "WARNING",
    }
    with Server([sys.executable, "-m", "metrics_service"], port, folder, variables).running():
        await store.wait_until_counted()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def ask(end: datetime) -> object:
                query = {"time_window_minutes": 1440, "window_end": end.isoformat()}
                return (await client.post("/metrics/aggregated", json=query)).raise_for_status()

            yield ask


def writes(server: PostgresServer, store: PredictionStore, options: Options) -> dict[str, Duel]:
    """Processor time of Postgres for a row with rollups, beside rows without."""
    postgres = psutil.Process(server.pid)

    def writing(switch: str) -> Contestant:
        return Contestant(
            lambda seconds: asyncio.run(written_rows(store, switch, seconds)),
            lambda: {"Postgres": seconds_of_all(postgres)},
        )

    return contest(writing("ENABLE"), {WITHOUT: writing("DISABLE")}, options.pairs, options.of(2))


async def written_rows(store: PredictionStore, switch: str, seconds: float) -> int:
    """How many rows WRITERS connections write in the given time, with the trigger or without."""
    async with store.connection() as connection:
        await connection.execute(f"ALTER TABLE predictions.prediction {switch} TRIGGER roll_up")
    generator = Random(7)  # noqa: S311 - numbers to measure with, the same in every run
    batches = [batch(generator) for _ in range(20)]
    written, end = 0, time.perf_counter() + seconds

    async def write() -> None:
        nonlocal written
        async with store.connection() as connection:
            while time.perf_counter() < end:
                ids = [str(uuid7()) for _ in range(BATCH_ROWS)]
                await connection.execute(WRITE, ids, [datetime.now(UTC)] * BATCH_ROWS, *generator.choice(batches))
                written += BATCH_ROWS

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    async with store.connection() as connection:
        await store.count(connection)  # it is part of what rollups cost
    return written


def batch(generator: Random) -> list[list[object]]:
    """What a group commit writes, column by column; ids and times are filled in when it is written."""
    rows = range(BATCH_ROWS)
    return [
        [generator.choice(("sentiment", "sentiment-lexicon")) for _ in rows],
        ["1.0.0"] * BATCH_ROWS,
        ["classification"] * BATCH_ROWS,
        [generator.choice(("positive", "negative", "neutral")) for _ in rows],
        [generator.betavariate(8, 2) for _ in rows],
        [generator.lognormvariate(2, 0.5) for _ in rows],
        [generator.randint(1, 400) for _ in rows],
    ]


def judged(times: Times, rows: int, disk_share: float, writing: Duel) -> list[Bar]:
    """Of the metrics."""
    few, many, plain = (times[name] for name in ("few", "many", "plain"))
    what = f"/metrics/aggregated over 24 h and {rows:,} predictions"
    return [
        bar("metrics", f"{what}: p50", "at most", P50_MS, "ms", many),
        bar("metrics", f"… to its own time at {FEW_ROWS:,}", "at most", GROWTH, "×", many.over(few)),
        bar("metrics", "… plain SQL on the raw rows, to it", "at least", SPEED_UP, "×", plain.over(many)),
        bar("metrics", "processor time of Postgres for a row with rollups, to without", "at most", WRITE_MOST, "×",
            writing.ratio()),
        bar("metrics", "rollups on disk, to the rows", "at most", DISK_PERCENT, "%", 100 * disk_share),
    ]  # fmt: skip


def tables(times: Mapping[int, Times], writing: Mapping[str, Duel]) -> list[Table]:
    """What was measured."""
    answers: list[list[str | Sample]] = [
        [f"{rows:,}", *(found[name] for name in ("many", "few", "plain"))] for rows, found in times.items()
    ]
    columns = ["predictions", "p50, ms", f"with {FEW_ROWS:,}, asked in turns", "plain SQL"]
    return [
        Table("Aggregates over 24 h", columns, answers),
        table(f"A row written, {BATCH_ROWS:,} rows per commit", WITH, writing, WRITERS),
    ]


def plot(times: Mapping[int, Times]) -> Plot:
    """Cost over data size."""
    lines: dict[str, list[float | None]] = {
        title: [found[name].middle for found in times.values()]
        for name, title in (("many", "/metrics/aggregated"), ("plain", "plain SQL on the raw rows"))
    }
    return Plot(
        "cost-over-rows", "Aggregates over 24 hours", "predictions", "ms, median", list(map(float, times)), lines
    )
