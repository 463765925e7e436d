"""Group commit: one statement stores all predictions that wait.

While a statement runs, new predictions wait; together they are the next statement. Each response waits for the commit
of its predictions. Behind a busy model predictions come one by one, and each would find no statement running: then a
statement waits a moment for more of them, like Postgres' own `commit_delay`.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from math import inf
from time import perf_counter
from typing import Self

import structlog

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.failover import NotRecordable, RecordFailover
from shared.asyncio.background import Background
from shared.asyncio.group_call import Group, GroupCall, fail, set_or_after, tell
from shared.http.problems import Overloaded, Problem
from shared.telemetry.loop_metrics import LoopCounter, LoopGauge, LoopHistogram
from shared.tracing.span import span

COMMITS = LoopCounter("prediction_commits", "Statements that recorded predictions")
COMMIT_ROWS = LoopHistogram(
    "prediction_commit_rows", "Predictions per statement", (), buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
COMMIT_SECONDS = LoopHistogram(
    "prediction_commit_seconds",
    "One statement with its commit",
    (),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
WAITING_ROWS = LoopGauge("prediction_commit_queue_rows", "Predictions that wait for their commit")

MAX_ROWS = 1024
"""Predictions per statement, unless a single request has more."""

MANY_EXPECTED = 8
"""Number of requests in computation from which on a statement waits for company: what it costs Postgres and this
service is mostly the same for one row and for eight."""

GATHER_SECONDS, GATHER_MOST_SECONDS = 0.005, 0.05
"""How long a statement waits behind a busy model at least, and at most."""

GATHER_SHARE = 1 / 12
"""Between these: so much of the time that a request has waited for its model."""

log = structlog.get_logger()


Additions = Group[Addition, KeptResponse | None]
"""Additions with the callers that wait for them: for nothing but the commit, or for a response that was kept before."""


class Recorder:
    """`async with` starts and ends the writer.

    `gather_seconds`, `gather_most_seconds`: how long a statement waits behind a busy model at least, and at most.
    """

    def __init__(
        self,
        store: RecordFailover,
        queue_rows: int,
        *,
        gather_seconds: float = GATHER_SECONDS,
        gather_most_seconds: float = GATHER_MOST_SECONDS,
    ) -> None:
        self._store, self._queue_rows = store, queue_rows
        self._gather_seconds, self._gather_most_seconds = gather_seconds, gather_most_seconds
        self._patience = inf  # mutable: less with each who is less patient, and as new with each statement that begins
        self._additions: GroupCall[Addition, KeptResponse | None] = GroupCall(
            nothing_is_recorded, max_size=MAX_ROWS, size_of=rows_of, gather=self._gather
        )
        self._expected = self._adding = 0
        self._hurry = asyncio.Event()  # few are expected by now, or somebody has come who is less patient
        self._expecting = Expecting(self._expect)
        self._writer = Background(partial(self._additions.serve, self._write), "recorder")
        for histogram in (COMMIT_ROWS, COMMIT_SECONDS):
            histogram.begin(())

    async def __aenter__(self) -> Self:
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.end()

    def expecting(self) -> AbstractContextManager[None]:
        """A block in which a request is computed whose predictions will be added."""
        return self._expecting

    @property
    def patience(self) -> float:
        """How long, in seconds, the next statement may wait for company: as the least patient who waits for it."""
        return self._patience

    @property
    def is_busy(self) -> bool:
        """Whether any request is being computed or recorded."""
        return self._expected > 0 or self._adding > 0

    def _expect(self, change: int) -> None:
        self._expected += change
        if self._expected < MANY_EXPECTED:
            self._hurry.set()

    async def add(self, addition: Addition) -> KeptResponse | None:
        """Returns once all of it is durable, together or not at all.

        What is returned was kept under the same key before: then nothing was added. Raises Overloaded, JournalFull or
        NotRecordable.
        """
        if self._additions.size + len(addition.records) > self._queue_rows:
            raise Overloaded("Too many predictions wait for the record.")
        committed = self._additions.join(addition)
        self._be_patient_with(addition)
        WAITING_ROWS.by_labels[()] = self._additions.size
        self._adding += 1
        try:
            with span("commit") as spanned:
                spanned.set("modelserver.rows", len(addition.records))
                return await committed
        finally:
            self._adding -= 1

    def _be_patient_with(self, addition: Addition) -> None:
        """The next statement holds up none of its requests for longer than is little to it; a full one goes at once."""
        patience = max(self._gather_seconds, min(GATHER_SHARE * addition.waited, self._gather_most_seconds))
        if self._additions.size >= MAX_ROWS:
            patience = 0.0
        if patience < self._patience:
            self._patience = patience
            self._hurry.set()

    async def _gather(self) -> None:
        """Waits for more predictions while many are expected."""
        began = perf_counter()
        while self._expected >= MANY_EXPECTED and (rest := began + self._patience - perf_counter()) > 0:
            self._hurry.clear()
            await set_or_after(self._hurry, rest)

    async def _write(self, group: Additions) -> None:
        self._patience = 0.0 if self._additions.size else inf  # for whom there was no room has waited
        WAITING_ROWS.by_labels[()] = self._additions.size
        await self._commit(group)

    async def _commit(self, group: Additions) -> None:
        """Stores all in one statement; if Postgres refuses that, each request alone, so that the others succeed."""
        started = perf_counter()
        try:
            kept_before = await self._store.add(list(group))
        except NotRecordable as refusal:
            if len(group) == 1:
                return refuse(group, refusal)
            for addition, waiters in group.items():
                await self._commit({addition: waiters})
        except Problem as problem:
            refuse(group, problem)
        except Exception:  # whatever it is, the writer must go on, and no request may wait for ever
            log.exception("predictions not recorded")
            refuse(group, NotRecordable("The prediction could not be recorded."))
        else:
            COMMITS.by_labels[()] += 1
            COMMIT_ROWS.observe((), sum(map(rows_of, group)))
            COMMIT_SECONDS.observe((), perf_counter() - started)
            for addition, waiters in group.items():
                tell(waiters, kept_before.get(addition))


class Expecting(AbstractContextManager[None]):
    """One for all blocks, each of which counts while it runs: a generator for each would cost more than counting."""

    def __init__(self, expect: Callable[[int], None]) -> None:
        self._expect = expect

    def __enter__(self) -> None:
        self._expect(1)

    def __exit__(self, *_: object) -> None:
        self._expect(-1)


def rows_of(addition: Addition) -> int:
    """How many rows of the queue and of a statement it takes."""
    return len(addition.records)


def nothing_is_recorded() -> Problem:
    """The problem for requests that still wait when the service ends."""
    return Overloaded("Predictions cannot be recorded at the moment.")


def refuse(group: Additions, problem: Problem) -> None:
    """Fails all requests of a group: nothing of theirs is stored."""
    log.warning("predictions not recorded", requests=len(group), reason=problem.title)
    for waiters in group.values():
        fail(waiters, problem)
