"""Stores records in Postgres, or in the journal while Postgres is away.

When Postgres does not take a record, records go to the journal until a probe finds that Postgres is back. Then new
records go to Postgres again at once, and the journal is replayed in the background, over a second connection. A segment
is removed after the commit of its last record. An interrupted replay starts again: Postgres ignores a prediction id
that it has already, so every record is stored exactly once.

A response that is kept goes wherever its request's records go. While Postgres is away, those are found that are in the
journal's folder. A caller who comes again and whose response is out of reach (in Postgres, or in the journal of another
machine) is answered as if for the first time: then both predictions are recorded, and the earlier response stays.
"""

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Self, TypeVar

import structlog
from prometheus_client import Counter, Gauge

from prediction_service.records.addition import Addition, KeptResponse, records_of
from prediction_service.records.journal import JOURNAL_BYTES, Journal, JournalFull, Segment, is_torn
from prediction_service.records.journal_line import decode
from prediction_service.records.kept_responses import KeptResponses
from prediction_service.records.postgres import RecordRefusedError, RecordStore, StoreUnavailableError
from shared.asyncio.background import Background
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.http.problems import Overloaded, Problem

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The disk is full, or the quota of this user, or the largest file size of this process is reached."""

PROBE_SECONDS = 0.5
"""How often it is checked whether Postgres is back, and whether the journal has anything to replay."""

REPLAY_RECORDS = 1024
"""Records per statement of the replay: few enough to take milliseconds."""

FAILOVERS = Counter("prediction_record_failovers", "Times that the journal took over from Postgres")
JOURNALED = Counter("prediction_journal_records", "Predictions that went to the journal")
REPLAYED = Counter("prediction_journal_replayed", "Predictions that went from the journal to Postgres")
TWICE = Counter("prediction_journal_requests_twice", "Requests recorded again: their response was out of reach")
POSTGRES_AWAY = Gauge("prediction_record_postgres_away", "1 while the journal stands in for Postgres")

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")


class NotRecordable(Problem):
    """Postgres will never accept this prediction."""

    status = 500
    type = "urn:problem-type:not-recordable"
    title = "Not Recordable"


class RecordFailover:
    """`async with` starts and ends the probe and the replay."""

    def __init__(
        self, store: RecordStore, replay_store: RecordStore, responses: KeptResponses, journal: Journal
    ) -> None:
        self._store, self._replay_store, self._responses, self._journal = store, replay_store, responses, journal
        self._away = False
        self._journal_fails = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._returning = Background(self._return, "journal replay")

    async def __aenter__(self) -> Self:
        self._returning.start()
        self._responses.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._returning.end()
        await self._responses.end()
        self._disk.shutdown()
        self._journal.seal()
        self._store.disconnect()
        self._replay_store.disconnect()

    async def add(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        """Returns once all is durable. Raises NotRecordable, JournalFull or Overloaded.

        What is returned was not added, because another response is kept under its key.
        """
        if not self._away:
            try:
                return await self._store.add(additions)
            except RecordRefusedError as error:
                raise NotRecordable("The record refuses this prediction.") from error
            except StoreUnavailableError as error:
                self._fall_over(error)
        return await self._add_to_journal(additions)

    async def find(self, key: bytes) -> KeptResponse | None:
        """The response that is kept under a key, as far as it is within reach. Raises Overloaded."""
        try:
            # The journal first: what is replayed in this moment is in Postgres by the time it is not here any more.
            if in_journal := await self._on_disk(self._journal.find, key):
                return in_journal
        except OSError as error:
            raise Overloaded("Earlier responses cannot be looked up at the moment.") from error
        try:
            # Even if it seems to be away: another replica may have found it back, and have replayed the journal.
            return await self._responses.find(key)
        except StoreUnavailableError as error:
            if not self._away:
                self._fall_over(error)
            return None

    def _fall_over(self, error: StoreUnavailableError) -> None:
        self._away = True
        FAILOVERS.inc()
        POSTGRES_AWAY.set(1)
        log.warning("postgres is away: predictions go to the journal", error=str(error))

    async def _add_to_journal(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        try:
            kept_before = await self._on_disk(self._journal.append, additions)
        except OSError as error:
            if not self._journal_fails:  # logged once, not for each refused prediction
                log.error("the journal cannot be written: predictions are refused", reason=error.strerror)  # noqa: TRY400
            self._journal_fails = True
            if error.errno in NO_ROOM:
                raise JournalFull from error
            raise Overloaded("Predictions cannot be recorded at the moment.") from error
        JOURNALED.inc(sum(len(addition.records) for addition in additions if addition not in kept_before))
        return kept_before

    async def _probe_journal(self) -> None:
        """Finds out whether the journal works again. While it does not, no request comes that could show it."""
        try:
            await self._on_disk(self._journal.try_to_write)
        except OSError as error:
            log.debug("the journal still cannot be written", reason=error.strerror)
        else:
            self._journal_fails = False
            log.info("the journal can be written again")

    async def _return(self) -> None:
        """Goes back to Postgres once it responds, and replays the journal."""
        while True:
            try:
                if self._journal_fails:
                    await self._probe_journal()
                waiting = await self._on_disk(self._journal.size)
                if self._away or waiting:
                    await self._replay_store.check()
                    self._come_back()
                    await self._replay()
            except StoreUnavailableError as error:
                log.debug("postgres is still away", error=str(error))
            except OSError as error:
                log.error("the journal cannot be replayed now", reason=error.strerror or str(error))  # noqa: TRY400
            except Exception:  # whatever it is, the next round must follow
                log.exception("the journal cannot be replayed")
            await asyncio.sleep(PROBE_SECONDS)

    def _come_back(self) -> None:
        if self._away:
            self._away = self._journal_fails = False
            POSTGRES_AWAY.set(0)
            log.info("postgres is back")

    async def _replay(self) -> None:
        """Replays segment after segment. Raises StoreUnavailableError at the first that Postgres does not take."""
        await self._on_disk(self._journal.seal)
        for segment in self._journal.sealed():
            try:
                await self._replay_segment(segment)
            except BaseException:
                segment.close()
                raise
            segment.remove()
            JOURNAL_BYTES.set(self._journal.size())

    async def _replay_segment(self, segment: Segment) -> None:
        """Replays a segment with a few statements, between which the event loop is free."""
        lines: list[bytes] = []
        additions: list[Addition] = []
        for line in segment.lines():
            if is_torn(line):
                log.warning("the journal's last line is torn; nobody was answered for it", bytes=len(line))
                break
            try:
                additions.append(decode(line))
                lines.append(line)
            except ValueError as error:
                self._journal.set_aside(line, str(error))
            if sum(len(addition.records) for addition in additions) >= REPLAY_RECORDS:
                await self._replay_lines(lines, additions)
                lines, additions = [], []
        await self._replay_lines(lines, additions)

    async def _replay_lines(self, lines: Sequence[bytes], additions: Sequence[Addition]) -> None:
        """With one statement; if Postgres refuses something in it, line by line."""
        try:
            kept_before = await self._replay_store.add_again(additions)
        except RecordRefusedError as error:
            if len(additions) == 1:
                return self._journal.set_aside(lines[0], f"refused by postgres: {error}")
            for line, addition in zip(lines, additions, strict=True):
                await self._replay_lines([line], [addition])
        else:
            REPLAYED.inc(len(records_of(additions)))
            if kept_before:
                await self._replay_answered_twice(list(kept_before))

    async def _replay_answered_twice(self, additions: Sequence[Addition]) -> None:
        """Predictions whose caller was answered although another response is kept: they are recorded all the same."""
        TWICE.inc(len(additions))
        log.warning("recorded again: the first response was out of reach", requests=len(additions))
        await self._replay_store.add_again([Addition(addition.records) for addition in additions])

    async def postgres_health(self) -> ComponentHealth:
        """Health of Postgres. Raises StoreUnavailableError if it is away and no prediction has met that yet."""
        if self._away:
            return ComponentHealth(status=HealthStatus.DOWN, detail="the journal stands in")
        await self._replay_store.check()
        return ComponentHealth(status=HealthStatus.OK)

    async def journal_health(self) -> ComponentHealth:
        """Down only when nothing can be recorded: Postgres is away and the journal is full or cannot be written."""
        size = await self._on_disk(self._journal.size)
        if self._away and (self._journal_fails or self._journal.is_full()):
            fault = "cannot be written" if self._journal_fails else "full"
            return ComponentHealth(status=HealthStatus.DOWN, detail=f"{fault}, {size} bytes wait for postgres")
        if size:
            return ComponentHealth(status=HealthStatus.DEGRADED, detail=f"{size} bytes wait for postgres")
        return ComponentHealth(status=HealthStatus.OK, detail="empty")

    async def _on_disk(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Runs blocking work in the journal's own thread, one call at a time, in order."""
        call = partial(work, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)
