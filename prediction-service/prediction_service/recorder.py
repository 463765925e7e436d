"""The record of every prediction, by group commit.

All predictions that wait are written by one statement, in one transaction; each answer waits for its own commit. What
was written twice because a connection broke between commit and its confirmation is one row: the id decides.
Postgres away: RecordUnavailable, and no answer is given that is not on record.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from shared.runtime.problems import Problem

WRITERS = 2
"""Connections that write: while one waits for its commit, the next group is on its way."""

MAX_ROWS = 2000
"""Rows per statement."""

WRITE_SECONDS = 5.0
"""Longer than that, a commit counts as failed."""

ATTEMPTS = 2
"""A broken connection is usual after a restart of Postgres; the second one shows whether it is back."""

INSERT = """
INSERT INTO predictions.prediction (
    prediction_id, created_at, model_name, model_version, task_type, prediction_label, confidence, inference_time_ms,
    input_length, metrics_data, text
)
SELECT * FROM unnest(
    $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[],
    $9::integer[], $10::jsonb[], $11::text[]
) ON CONFLICT DO NOTHING
"""

COMMITS = Counter("prediction_commits", "Group commits", ["outcome"])
COMMIT_ROWS = Histogram("prediction_commit_rows", "Predictions per group commit", buckets=(1, 2, 4, 8, 16, 32, 64, 256))

log = structlog.get_logger()


class RecordUnavailable(Problem):
    """The prediction could not be recorded, so it is not given."""

    status = 503
    type = "urn:problem-type:record-unavailable"
    title = "Record Unavailable"

    def __init__(self) -> None:
        super().__init__("Predictions cannot be recorded at the moment.", headers={"Retry-After": "1"})


@dataclass(frozen=True, slots=True)
class Record:
    """One row, in the order of the columns."""

    prediction_id: UUID
    created_at: datetime
    model_name: str
    model_version: str
    task_type: str
    prediction_label: str
    confidence: float
    inference_time_ms: float
    input_length: int
    metrics_data: dict[str, Any]
    text: str | None

    def row(self) -> tuple[Any, ...]:
        """The values as Postgres takes them."""
        return (
            self.prediction_id,
            self.created_at,
            self.model_name,
            self.model_version,
            self.task_type,
            self.prediction_label,
            self.confidence,
            self.inference_time_ms,
            self.input_length,
            json.dumps(self.metrics_data),
            self.text,
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Records of one request, and who waits for their commit."""

    records: Sequence[Record]
    committed: asyncio.Future[None]


class Recorder:
    """Writes records. `async with` keeps its writers."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._waiting: list[Waiting] = []
        self._arrived = asyncio.Event()
        self._pool: asyncpg.Pool | None = None
        self._writers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._pool = await asyncpg.create_pool(
            self._database_url,
            min_size=0,
            max_size=WRITERS + 1,
            timeout=2,
            command_timeout=WRITE_SECONDS,
            server_settings={"application_name": "prediction-service"},
        )
        self._writers = [asyncio.create_task(self._write(), name=f"recorder-{n}") for n in range(WRITERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.cancel()
        for writer in self._writers:
            with suppress(asyncio.CancelledError):
                await writer
        if self._pool is not None:
            self._pool.terminate()

    async def record(self, records: Sequence[Record]) -> None:
        """Returns once the records are committed, all of them in one transaction. Raises RecordUnavailable."""
        waiting = Waiting(records, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        await waiting.committed

    async def ping(self) -> None:
        """Raises when Postgres does not answer."""
        await self._connected().fetchval("SELECT 1")

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            group = self._next_group()
            if group:
                await self._commit_group(group)

    def _next_group(self) -> list[Waiting]:
        group: list[Waiting] = []
        rows = 0
        while self._waiting and rows < MAX_ROWS:
            waiting = self._waiting.pop(0)
            group.append(waiting)
            rows += len(waiting.records)
        if not self._waiting:
            self._arrived.clear()
        return group

    async def _commit_group(self, group: list[Waiting]) -> None:
        rows = [record.row() for waiting in group for record in waiting.records]
        try:
            await self._insert(rows)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            COMMITS.labels("failed").inc()
            log.warning("predictions not recorded", rows=len(rows), error=str(error) or type(error).__name__)
            settle(group, RecordUnavailable())
        except asyncio.CancelledError:
            settle(group, RecordUnavailable())
            raise
        else:
            COMMITS.labels("done").inc()
            COMMIT_ROWS.observe(len(rows))
            settle(group)

    async def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._connected().execute(INSERT, *columns)
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
                if attempt == ATTEMPTS:
                    raise
                log.info("writing again over a new connection", error=type(error).__name__)
            else:
                return

    def _connected(self) -> asyncpg.Pool:
        if self._pool is None:
            raise RuntimeError("the recorder is not open")
        return self._pool


def settle(group: Sequence[Waiting], failure: Exception | None = None) -> None:
    """Tells everybody in the group how it went."""
    for waiting in group:
        if waiting.committed.done():
            continue
        if failure is None:
            waiting.committed.set_result(None)
        else:
            waiting.committed.set_exception(failure)
