"""The way of a question to its report: the diagram of the design as code.

    lookup ── fresh ── HIT
      ├────── stale ── STALE, and a new one is made in the background
      └────── none ─── made, once for all who ask ── MISS

The metrics-service away: the last report on the query, STALE, else MetricsUnavailable. Redis away: the store's failover
says what holds then.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prometheus_client import Counter

from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.store import ReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.deadline import Deadline
from analytics_service.metrics_client.client import MetricsUnavailable
from analytics_service.reports.lookup import Lookup, Lookups
from analytics_service.reports.maker import ReportMaker
from analytics_service.reports.single_flight import SingleFlight
from shared.asyncio.clock import Clock

RESPONSES = Counter("analysis_answers", "Reports answered", ["cache", "source"])


class CacheStatus(StrEnum):
    """Where a response comes from: `X-Cache`."""

    HIT = "HIT"
    STALE = "STALE"
    """From the cache, older than it should be; a new one is being made, or cannot be."""
    MISS = "MISS"


@dataclass(frozen=True, slots=True)
class ReportResponse:
    """A report as it is sent."""

    body: bytes
    cache: CacheStatus
    age_seconds: int


class Inquiry:
    """Responds to queries with reports."""

    def __init__(
        self, lookups: Lookups, store: ReportStore, maker: ReportMaker, deadline_seconds: float, clock: Clock
    ) -> None:
        self._lookups, self._store, self._maker = lookups, store, maker
        self._deadline_seconds, self._clock = deadline_seconds, clock
        self._flights: SingleFlight[StoredReport] = SingleFlight()
        self._refreshes: SingleFlight[None] = SingleFlight()

    async def respond(self, query: ReportQuery, shown: Mapping[str, str] | None = None) -> ReportResponse:
        """A report, within the deadline. Raises MetricsUnavailable when there are no numbers and no earlier report.

        `shown`: the headers by which the asker may read the record, which a question about a key needs. Who may ask is
        judged before: what is cached is for everybody who gets here.
        """
        deadline = Deadline.after(self._deadline_seconds, self._clock)
        query_digest = self._lookups.keys.query_digest(query)
        try:
            lookup = await self._lookups.look(query, query_digest, shown)
        except MetricsUnavailable:
            return await self._last_report(query_digest)
        match lookup.found:
            case StoredReport() as stored if stored.is_fresh(self._clock()):
                return self._response(stored, CacheStatus.HIT)
            case StoredReport() as stored if stored.is_stale(self._clock()):
                if stored.renewable:
                    self._refreshes.start(lookup.key, lambda: self._refresh(lookup, deadline))
                return self._response(stored, CacheStatus.STALE)
        return self._response(await self._made(lookup, deadline), CacheStatus.MISS)

    async def _made(self, lookup: Lookup, deadline: Deadline) -> StoredReport:
        """The report, made once for all who ask this process at this moment.

        One that is by rules because whoever began it has used up its share is not for the others: one of them begins
        anew, with its own.
        """
        began = False

        def make() -> Coroutine[Any, Any, StoredReport]:
            nonlocal began
            began = True
            return self._make(lookup, deadline)

        while True:
            made = await self._flights.join(lookup.key, make)
            if began or not made.for_one_client:
                return made

    async def _make(self, lookup: Lookup, deadline: Deadline) -> StoredReport:
        """A new report; from now on lookups find it."""
        made = await self._maker.make(lookup, deadline)
        self._lookups.forget(lookup.key.query_digest)
        return made

    async def _refresh(self, lookup: Lookup, deadline: Deadline) -> None:
        """A new report in place of a stale one."""
        await self._maker.refresh(lookup, deadline)
        self._lookups.forget(lookup.key.query_digest)

    async def _last_report(self, query_digest: str) -> ReportResponse:
        """What was last said about a query. Raises MetricsUnavailable when nothing was."""
        last = await self._store.find_last(query_digest)
        if last is None:
            raise MetricsUnavailable
        return self._response(last, CacheStatus.STALE)

    def _response(self, stored: StoredReport, status: CacheStatus) -> ReportResponse:
        """The response, counted."""
        RESPONSES.labels(status, stored.report.source).inc()
        return ReportResponse(stored.body, status, stored.age_seconds(self._clock()))

    def forget_lookups(self) -> None:
        """Operators cleared the store: what was looked up before does not count."""
        self._lookups.forget_all()

    async def stop(self) -> None:
        """Ends what is under way."""
        for flights in (self._flights, self._refreshes, self._lookups.flights):
            await flights.stop()
