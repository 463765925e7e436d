"""How fast is the record read at ten million predictions? The first page by each filter, and an export of all.

Predictions of three models over 24 hours, of 20,000 callers, one in a hundred with feedback; read over HTTP. Needs
about 5 GB in the system's temporary folder (TMPDIR).
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.harness.prediction_store import PredictionStore, make_store, store_server
from benchmarks.harness.report import Bar, Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.scenarios.aggregates import milliseconds
from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer

TITLE = "Reading the record"
WARM_UP, ROUNDS, REQUESTS = 5, 5, 20
P50_MS, EXPORTED, EXPORT_MIB = 20, 50_000, 150
EXPORT_SECONDS = 20
TOKEN = "of-the-benchmarks"  # noqa: S105 - of servers that live as long as the scenario

LOAD = """
    INSERT INTO predictions.prediction (
        prediction_id, created_at, model_name, model_version, task_type, prediction_label, confidence,
        inference_time_ms, input_length, metrics_data, prediction_value, caller
    )
    SELECT uuidv7(), $1::timestamptz + ($2::float8 * n) * interval '1 second',
        (ARRAY['house-prices', 'sentiment', 'sentiment-lexicon'])[1 + kind], '1.0.0',
        CASE kind WHEN 0 THEN 'regression' ELSE 'classification' END,
        CASE WHEN kind = 0 THEN NULL WHEN n % 100003 = 11 THEN 'mixed'
            ELSE (ARRAY['positive', 'negative', 'neutral'])[1 + floor(random() * 3)::int] END,
        CASE WHEN kind > 0 THEN 1 - power(random(), 3) END, exp(random_normal(2, 0.5)), 1 + floor(random() * 400)::int,
        '{"batch_rows": 3, "queue_time_ms": 0.319}', CASE WHEN kind = 0 THEN exp(random_normal(12, 0.5)) END,
        md5(floor(random() * 20000)::text)::uuid
    FROM (
        SELECT n, CASE WHEN n % 10 = 0 THEN 0 ELSE 1 + n % 2 END AS kind
        FROM generate_series($3::bigint, $4::bigint - 1) AS n
    ) AS row
"""
"""A tenth are values of a regression, a hundred thousandth has a label of its own."""

CALLERS_SINCE = """
    CREATE OR REPLACE FUNCTION predictions.callers_since() RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '-infinity'::timestamptz $$
"""
"""These predictions are from before the migration that brought callers, and have some all the same."""

JUDGE = """
    INSERT INTO metrics.feedback (
        prediction_id, predicted_at, model_name, model_version, task_type, prediction_label, actual_label
    )
    SELECT prediction_id, created_at, model_name, model_version, task_type, prediction_label, 'neutral'
    FROM predictions.prediction TABLESAMPLE BERNOULLI (1) WHERE prediction_label IS NOT NULL
"""


def filters(end: datetime, caller: str) -> dict[str, dict[str, str]]:
    """What is asked for, by what it is called."""
    half_a_day_ago = (end - timedelta(hours=12)).isoformat()
    return {
        "everything": {},
        "a model": {"model_name": "sentiment"},
        "a version": {"model_name": "sentiment", "model_version": "1.0.0"},
        "a task": {"task_type": "regression"},
        "a label of a third": {"label": "negative"},
        "a label of a hundred thousandth": {"label": "mixed"},
        "confidence, a fifth": {"max_confidence": "0.5"},
        "confidence, a three hundredth": {"max_confidence": "0.01"},
        "values, a tenth of a tenth": {"min_value": "308000"},
        "until half a day ago": {"until": half_a_day_ago},
        "a caller of 20,000": {"caller": caller},
        "feedback given, a hundredth": {"feedback": "given"},
        "feedback missing": {"feedback": "missing"},
        "a model, a label, unsure, not judged": {
            "model_name": "sentiment", "label": "negative", "max_confidence": "0.5", "feedback": "missing",
        },
    }  # fmt: skip


def run(options: Options) -> Result:
    """Everything, on one Postgres."""
    folder = options.folder / "reading"
    folder.mkdir(mode=0o755)
    with store_server(folder) as server:
        return asyncio.run(measure(server, folder, options))


async def measure(server: PostgresServer, folder: Path, options: Options) -> Result:
    """Pages and exports of one database."""
    end, store = datetime.now(UTC), await make_store(server, "record")
    await store.fill(options.rows, end, LOAD)
    async with store.connection() as connection:
        await connection.execute(CALLERS_SINCE)
        await connection.execute(JUDGE)
        await connection.execute("VACUUM (ANALYZE) metrics.feedback")
        caller = await connection.fetchval("SELECT caller FROM predictions.prediction ORDER BY created_at LIMIT 1")
    async with metrics_service(server, store, folder) as (process, client):
        pages = await times_of_pages(client, filters(end, caller.hex))
        export = await exports(process, client, postmaster(folder), options)
    return Result(TITLE, judged(pages, export, options.rows), tables(pages, export))


@asynccontextmanager
async def metrics_service(
    server: PostgresServer, store: PredictionStore, folder: Path
) -> AsyncIterator[tuple[psutil.Process, httpx.AsyncClient]]:
    """The service's process, and a client with the token."""
    port = next(free_ports())
    url = server.url(store.name, "metrics_service")
    variables = {"PORT": str(port), "ADMIN_TOKEN": TOKEN, "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    with Server([sys.executable, "-m", "metrics_service"], port, folder, variables).running() as service:
        await store.wait_until_counted()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            yield psutil.Process(service.pid), client


async def times_of_pages(client: httpx.AsyncClient, asked: dict[str, dict[str, str]]) -> dict[str, Sample]:
    """Milliseconds until the first page of 50 is there, all filters in turns; of each round the median."""

    async def page(query: dict[str, str]) -> None:
        found = (await client.get("/predictions", params=query)).raise_for_status().json()
        assert found["predictions"], query

    questions = {name: partial(page, query) for name, query in asked.items()}
    await milliseconds(questions, WARM_UP)
    rounds = [await milliseconds(questions, REQUESTS) for _ in range(ROUNDS)]
    return {name: Sample([times[name].middle for times in rounds]) for name in questions}


async def exports(
    process: psutil.Process, client: httpx.AsyncClient, database: psutil.Process, options: Options
) -> dict[str, Sample]:
    """Rows a second of NDJSON, the most memory of the service, and microseconds of processor time for a row."""
    found: dict[str, list[float]] = {"rows/s": [], "MiB": [], "µs of the service": [], "µs of Postgres": []}
    for _ in range(options.turns):
        before = spent(process), spent(database)
        rows, seconds, most = await export(process, client, options.of(EXPORT_SECONDS))
        used = [now - earlier for now, earlier in zip((spent(process), spent(database)), before, strict=True)]
        for name, value in zip(found, (rows / seconds, most, *(one * 1e6 / rows for one in used)), strict=True):
            found[name].append(value)
    return {name: Sample(values) for name, values in found.items()}


async def export(process: psutil.Process, client: httpx.AsyncClient, seconds: float) -> tuple[int, float, float]:
    """Rows until the time is over or there are no more, in how many seconds, and the most memory meanwhile."""
    rows, most, started, looked = 0, 0.0, time.perf_counter(), 0.0
    async with client.stream("GET", "/predictions/export") as response:
        response.raise_for_status()
        async for piece in response.aiter_raw():
            rows += piece.count(b"\n")
            if (now := time.perf_counter()) > looked + 0.1:
                looked, most = now, max(most, process.memory_info().rss / 2**20)
            if now > started + seconds:
                break
    return rows, time.perf_counter() - started, most


def postmaster(folder: Path) -> psutil.Process:
    """Postgres's first process."""
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))


def spent(process: psutil.Process) -> float:
    """Processor seconds of a process and of those that it started, ended ones included."""
    mine = process.cpu_times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def judged(pages: dict[str, Sample], export: dict[str, Sample], rows: int) -> list[Bar]:
    """Of the metrics."""
    slowest = max((name for name in pages if name != "everything"), key=lambda name: pages[name].middle)
    what = f"first page of /predictions over {rows:,}"
    return [
        bar("metrics", f"{what}: p50", "at most", P50_MS, "ms", pages["everything"]),
        bar("metrics", f"… by the slowest of {len(pages) - 1} filters ({slowest}): p50", "at most", P50_MS, "ms",
            pages[slowest]),
        bar("metrics", "rows/s exported as NDJSON", "at least", EXPORTED, "", export["rows/s"]),
        bar("metrics", "memory of the service meanwhile", "at most", EXPORT_MIB, "MiB", export["MiB"]),
    ]  # fmt: skip


def tables(pages: dict[str, Sample], export: dict[str, Sample]) -> list[Table]:
    """What was measured."""
    of_pages: list[list[str | Sample]] = [[name, times] for name, times in pages.items()]
    of_export: list[list[str | Sample]] = [[name, figure] for name, figure in export.items()]
    return [
        Table("The first page of 50", ["predictions with", "p50, ms"], of_pages),
        Table("An export as NDJSON", ["", ""], of_export, "µs: processor time for a row."),
    ]
