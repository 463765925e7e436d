"""Does the answer cost the same at ten million predictions? Loads them over 24 hours and measures.

    python benchmarks/metrics_scale.py [--rows 10000000] [--seconds 6]

1. `/metrics/aggregated` over 24 hours by HTTP, with few predictions and with many, against plain SQL on the raw rows.
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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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


async def median_ms(ask: Callable[[], Awaitable[object]], times: int) -> float:
    """The median duration of a question, asked one after the other."""
    durations = []
    for _ in range(times):
        started = time.perf_counter()
        await ask()
        durations.append((time.perf_counter() - started) * 1000)
    return statistics.median(durations)


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


async def answer_ms(server: StoreServer, database: str, folder: Path, end: datetime) -> tuple[float, int]:
    """The median time of an answer over 24 hours, and how many predictions it is about."""
    with metrics_service(server, database, folder) as url:
        await Store(server.url(database)).wait_until_folded()
        async with httpx.AsyncClient(base_url=url) as client:
            query = {"time_window_minutes": 1440, "window_end": end.isoformat()}

            async def ask() -> httpx.Response:
                answer = await client.post("/metrics/aggregated", json=query, timeout=60)
                return answer.raise_for_status()

            await median_ms(ask, WARM_UP)
            return await median_ms(ask, REQUESTS), (await ask()).json()["total_predictions"]


async def plain_ms(store: Store, end: datetime) -> float:
    """The median time of the plain query over the same window."""
    async with store.connection() as connection:
        return await median_ms(lambda: connection.fetchrow(PLAIN, end - timedelta(hours=24), end), 3)


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
    few_ms, few_found = await answer_ms(server, "few", folder, end)
    many_ms, many_found = await answer_ms(server, "many", folder, end)
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
