"""Does the answer cost the same at ten million predictions? Loads them over 24 hours and measures.

    python benchmarks/metrics_scale.py [--rows 10000000] [--seconds 6]

1. `/metrics/aggregated` over 24 hours by HTTP, with few predictions and with many in turns; plain SQL on the raw rows.
2. Bytes on disk of the rollups and of the rows.
3. Rows per second that are written with and without the rollups, by the recorder's kind of statement, in turns.

Needs about 4 GB of disk for ten million rows, in the system's temporary folder (TMPDIR).
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import httpx
from metrics_store import Store, StoreServer, running_server
from uuid_utils import uuid7

from shared.embedded.ports import free_ports
from shared.testing.server_process import ServerProcess

FEW_ROWS = 10_000
WARM_UP, REQUESTS = 20, 200
WRITERS, BATCH_ROWS, ROUNDS = 2, 1000, 3

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


async def medians_ms(questions: Sequence[Callable[[], Awaitable[object]]], times: int) -> list[float]:
    """The median duration of each question; they are asked in turns, so that what else the machine does hits all."""
    durations: list[list[float]] = [[] for _ in questions]
    for _ in range(times):
        for ask, found in zip(questions, durations, strict=True):
            started = time.perf_counter()
            await ask()
            found.append((time.perf_counter() - started) * 1000)
    return [statistics.median(found) for found in durations]


@contextmanager
def metrics_service(server: StoreServer, database: str, folder: Path) -> Iterator[str]:
    """The service on a database; gives its URL."""
    port = next(free_ports())
    environment = {**os.environ, "PORT": str(port), "DATABASE_URL": server.url(database, "metrics_service")}
    command = [sys.executable, "-m", "metrics_service"]
    service = ServerProcess(command, port, folder / f"{database}.log", environment)
    service.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        service.stop()


async def answers_ms(
    server: StoreServer, databases: Sequence[str], folder: Path, end: datetime
) -> list[tuple[float, int]]:
    """For each database: the median time of an answer over 24 hours, and how many predictions it is about."""
    async with AsyncExitStack() as stack:
        asks = []
        for database in databases:
            url = stack.enter_context(metrics_service(server, database, folder))
            await Store(server.url(database)).wait_until_folded()
            asks.append(partial(ask, await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60)), end))
        await medians_ms(asks, WARM_UP)
        medians = await medians_ms(asks, REQUESTS)
        return [
            (median, (await found()).json()["total_predictions"]) for median, found in zip(medians, asks, strict=True)
        ]


async def ask(client: httpx.AsyncClient, end: datetime) -> httpx.Response:
    """The aggregates of the 24 hours before `end`."""
    query = {"time_window_minutes": 1440, "window_end": end.isoformat()}
    return (await client.post("/metrics/aggregated", json=query)).raise_for_status()


async def plain_ms(store: Store, end: datetime) -> float:
    """The median time of the plain query over the same window."""
    async with store.connection() as connection:
        (median,) = await medians_ms([lambda: connection.fetchrow(PLAIN, end - timedelta(hours=24), end)], 3)
        return median


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


async def rows_per_second(store: Store, seconds: float) -> float:
    """What WRITERS connections write in the given time."""
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

    started = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return written / (time.perf_counter() - started)


async def write_rates(store: Store, seconds: float) -> tuple[float, float]:
    """Medians of rows per second with and without rollups, measured in turns."""
    rates: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    async with store.connection() as connection:
        for _ in range(ROUNDS):
            for switch, found in rates.items():
                await connection.execute(f"ALTER TABLE predictions.prediction {switch} TRIGGER roll_up")
                found.append(await rows_per_second(store, seconds))
    return statistics.median(rates["ENABLE"]), statistics.median(rates["DISABLE"])


async def run(server: StoreServer, folder: Path, rows: int, seconds: float) -> None:
    """Everything, one after the other, on one server."""
    end = datetime.now(UTC)
    few, many = await server.make_store("few"), await server.make_store("many")
    await few.fill(FEW_ROWS, end)
    await many.fill(rows, end)
    (few_ms, few_found), (many_ms, many_found) = await answers_ms(server, ("few", "many"), folder, end)
    slow_ms = await plain_ms(many, end)
    rollup_bytes, row_bytes = await many.sizes()
    with_rollups, without = await write_rates(many, seconds)
    print(f"\n/metrics/aggregated over 24 h, p50 of {REQUESTS}, by HTTP")
    print(f"  {few_found:>12,} predictions  {few_ms:9.1f} ms")
    print(f"  {many_found:>12,} predictions  {many_ms:9.1f} ms   {many_ms / few_ms:.2f} x   (wanted: <= 50 ms, <= 2 x)")
    print(f"  plain SQL on raw rows      {slow_ms:9.1f} ms   {slow_ms / many_ms:.0f} x   (wanted: >= 50 x)")
    print(f"rollups on disk  {rollup_bytes / 1e6:.1f} MB of {row_bytes / 1e6:.1f} MB rows, ", end="")
    print(f"{rollup_bytes / row_bytes:.2%}   (wanted: <= 5 %)")
    print(
        f"written, {WRITERS} writers, {BATCH_ROWS} rows per commit: {with_rollups:,.0f} rows/s with rollups, ", end=""
    )
    print(f"{without:,.0f} without, {with_rollups / without:.2f} x   (wanted: >= 0.6 x)")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="predictions to load")
    parser.add_argument("--seconds", type=float, default=6, help="length of each round of writing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metrics-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs as somebody else
        with running_server(folder) as server:
            asyncio.run(run(server, folder, arguments.rows, arguments.seconds))


if __name__ == "__main__":
    main()
