"""A durable Postgres filled with predictions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from tqdm import tqdm

from benchmarks.harness.ending import ending
from shared.testing.postgres import PostgresServer

SERVER_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}
"""Besides these, Postgres's defaults: commits are synced to disk."""

CHUNK_ROWS = 2_000
"""As many as the recorder writes at once."""
LOADERS = 2

LOAD = """
    INSERT INTO predictions.prediction
    SELECT uuidv7(), $1::timestamptz + ($2::float8 * n) * interval '1 second',
        (ARRAY['sentiment', 'sentiment-lexicon'])[1 + n % 2], '1.0.0', 'classification',
        (ARRAY['positive', 'negative', 'neutral'])[1 + floor(random() * 3)::int],
        1 - power(random(), 3), exp(random_normal(2, 0.5)), 1 + floor(random() * 400)::int, '{}', NULL
    FROM generate_series($3::bigint, $4::bigint - 1) AS n
"""
"""Two models, three labels, inference times around 7 ms with a long tail, evenly spread over the time."""

SIZES = """
    SELECT pg_total_relation_size('metrics.rollup_counted') AS rollups, (
        SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('predictions.prediction')
    )::bigint AS rows
"""


TO_COUNT = "SELECT count(*) FROM metrics.prediction_batch"
AT_MOST = 1_000
"""Statements that are counted in one step."""


@dataclass(frozen=True)
class PredictionStore:
    """One database with the newest schema."""

    name: str
    url: str

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """As superuser."""
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()

    async def fill(self, rows: int, end: datetime, statement: str = LOAD) -> None:
        """So many more predictions over the 24 hours before `end`, in order, through the trigger like any other.

        `statement` is given the time of the first, seconds between two, and the numbers of the first and the last.
        """
        start, step = end - timedelta(hours=24), 86_400 / rows
        async with self.connection() as connection:
            for day in {start.date(), end.date()}:
                await connection.execute("SELECT predictions.make_day($1)", day)
        with tqdm(total=rows, unit=" rows", unit_scale=True, desc=f"  loading {rows:,}", disable=None) as bar:
            for hour in range(24):
                chunks = iter(range(rows * hour // 24, rows * (hour + 1) // 24, CHUNK_ROWS))
                last = rows * (hour + 1) // 24

                async def load(chunks: Iterator[int] = chunks, last: int = last) -> None:
                    async with self.connection() as connection:
                        for first in chunks:
                            until = min(first + CHUNK_ROWS, last)
                            await connection.execute(statement, start, step, first, until)
                            bar.update(until - first)

                await asyncio.gather(*(load() for _ in range(LOADERS)))
                async with self.connection() as connection:  # in a real hour autovacuum comes by 60 times
                    await self.count(connection)
                    await connection.execute("VACUUM metrics.rollup_counted, metrics.prediction_batch")
        async with self.connection() as connection:
            await connection.execute("VACUUM (ANALYZE) predictions.prediction")
            await connection.execute("VACUUM (ANALYZE) metrics.rollup_counted")

    async def count(self, connection: asyncpg.Connection) -> None:
        """Counts everything, as the leading metrics-service does all the time."""
        while await connection.fetchval("SELECT metrics.count_predictions($1)", AT_MOST):
            pass

    async def wait_until_counted(self) -> None:
        """Returns once the running metrics-service has nothing left to count."""
        async with self.connection() as connection:
            while await connection.fetchval(TO_COUNT):
                await asyncio.sleep(0.2)
            await connection.execute("VACUUM (ANALYZE) metrics.rollup_counted")

    async def sizes(self) -> tuple[int, int]:
        """Bytes on disk, indexes included: of the rollups, of the rows."""
        async with self.connection() as connection:
            (found,) = await connection.fetch(SIZES)
        return found["rollups"], found["rows"]


async def make_store(server: PostgresServer, name: str) -> PredictionStore:
    """A new database."""
    await server.make_migrated(name)
    return PredictionStore(name, server.url(name))


@contextmanager
def store_server(folder: Path) -> Iterator[PostgresServer]:
    """A durable server for as long as the block lasts."""
    server = PostgresServer(folder, durable=True, settings=SERVER_SETTINGS)
    server.start_and_wait()
    try:
        yield server
    finally:
        with ending.undisturbed():
            server.stop_fast()
