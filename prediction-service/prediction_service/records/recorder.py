"""Group commit: every prediction that waits for the record is written by the next statement.

While one statement is on its way, predictions gather; they are the next one. Each answer waits for its own commit.
Behind a busy model they come one by one, each of them soon enough to find no statement on its way: then the next one is
held back for a moment, as Postgres' own `commit_delay` does.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Self

import structlog
from prometheus_client import Counter, Gauge, Histogram

from prediction_service.records.failover import NotRecordable, RecordFailover
from prediction_service.records.record import Record
from shared.asyncio.background import Background
from shared.http.problems import Overloaded, Problem

COMMITS = Counter("prediction_commits", "Statements that recorded predictions")
COMMIT_ROWS = Histogram(
    "prediction_commit_rows", "Predictions per statement", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
COMMIT_SECONDS = Histogram(
    "prediction_commit_seconds",
    "One statement with its commit",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
WAITING_ROWS = Gauge("prediction_commit_queue_rows", "Predictions that wait for their commit")

MAX_ROWS = 1024
"""Predictions per statement, unless a single request has more."""

GATHER_SECONDS = 0.005
"""A statement of one row costs Postgres and this service about a millisecond of processor time, each further row a
tenth of it. Behind a model that answers 500 texts a second, Postgres spends 280 µs on a prediction instead of 550."""

MANY_EXPECTED = 8
"""From so many requests on that a model has in hand, GATHER_SECONDS is little against their own wait."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """One request's records, and who waits for them."""

    records: Sequence[Record]
    committed: asyncio.Future[None]


class Recorder:
    """`async with` starts and ends the writer. `gather_seconds`: longest wait behind a busy model."""

    def __init__(self, store: RecordFailover, queue_rows: int, *, gather_seconds: float = GATHER_SECONDS) -> None:
        self._store, self._queue_rows, self._gather_seconds = store, queue_rows, gather_seconds
        self._waiting: deque[Entry] = deque()
        self._waiting_rows = 0
        self._arrived = asyncio.Event()
        self._expected = 0
        self._few_expected = asyncio.Event()
        self._few_expected.set()
        self._writer = Background(self._write, "recorder")

    async def __aenter__(self) -> Self:
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.end()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While a request is computed whose predictions will be added."""
        self._expect(1)
        try:
            yield
        finally:
            self._expect(-1)

    def _expect(self, change: int) -> None:
        self._expected += change
        if self._expected < MANY_EXPECTED:
            self._few_expected.set()
        else:
            self._few_expected.clear()

    async def add(self, records: Sequence[Record]) -> None:
        """Returns once all records are safe, together or not at all.

        Raises Overloaded, JournalFull or NotRecordable.
        """
        if self._waiting_rows + len(records) > self._queue_rows:
            raise Overloaded("Too many predictions wait for the record.")
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Entry(records, committed))
        self._count_waiting(len(records))
        self._arrived.set()
        await committed

    async def _write(self) -> None:
        """Group after group."""
        while True:
            await self._arrived.wait()
            await self._gather()
            group = self._next_group()
            await self._commit(group)

    async def _gather(self) -> None:
        """Waits for company while much of it is on its way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._gather_seconds):
                await self._few_expected.wait()

    async def _commit(self, group: list[Entry]) -> None:
        """All in one statement. If something among them is refused, each request alone: it must not cost the others."""
        started = perf_counter()
        try:
            await self._store.add([entry.records for entry in group])
        except NotRecordable as refusal:
            if len(group) == 1:
                return fail(group, refusal)
            for entry in group:
                await self._commit([entry])
        except Problem as problem:
            fail(group, problem)
        except Exception:  # whatever it is, the writer must go on and nobody must wait for ever
            log.exception("predictions not recorded")
            fail(group, NotRecordable("The prediction could not be recorded."))
        else:
            COMMITS.inc()
            COMMIT_ROWS.observe(sum(len(entry.records) for entry in group))
            COMMIT_SECONDS.observe(perf_counter() - started)
            tell(group)

    def _next_group(self) -> list[Entry]:
        """The entries that wait longest, up to MAX_ROWS records."""
        group: list[Entry] = []
        rows = 0
        while self._waiting and (not group or rows + len(self._waiting[0].records) <= MAX_ROWS):
            group.append(self._waiting.popleft())
            rows += len(group[-1].records)
        self._count_waiting(-rows)
        if not self._waiting:
            self._arrived.clear()
        return group

    def _count_waiting(self, change: int) -> None:
        self._waiting_rows += change
        WAITING_ROWS.set(self._waiting_rows)


def fail(group: Sequence[Entry], problem: Problem) -> None:
    """Tells all who wait."""
    log.warning("predictions not recorded", requests=len(group), reason=problem.title)
    for entry in group:
        if not entry.committed.done():
            entry.committed.set_exception(problem)


def tell(group: Sequence[Entry]) -> None:
    """Tells all who wait that it is done."""
    for entry in group:
        if not entry.committed.done():
            entry.committed.set_result(None)
