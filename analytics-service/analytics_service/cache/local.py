"""The last reports of this process, for when Redis or the metrics-service is away."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from math import inf

from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport, ReportSource
from shared.asyncio.clock import Clock

REPORTS_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _LastReport:
    """A report and the state it is about."""

    state_digest: str
    stored: StoredReport


class LocalReportStore:
    """One report for each of the queries asked last. Nobody leads here, so what it has is stale and stays so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reports: OrderedDict[str, _LastReport] = OrderedDict()

    async def find(self, key: ReportKey) -> StoredReport | FallbackReason:
        """Gemini's report on a query, if it is about the very same state; rules say the same anew at once."""
        last = self._reports.get(key.query_digest)
        if last is None or last.state_digest != key.state_digest or last.stored.report.source is ReportSource.RULES:
            return FallbackReason.REDIS_AWAY
        return replace(last.stored, fresh_until=last.stored.stored_at, gone_at=inf, renewable=False)

    async def find_fresh(self, key: ReportKey) -> FallbackReason:
        """Nothing here is fresh."""
        return FallbackReason.REDIS_AWAY

    async def find_last(self, query_digest: str) -> StoredReport | None:
        """The report on a query, whatever the state was."""
        last = self._reports.get(query_digest)
        return last.stored if last else None

    async def put(
        self, key: ReportKey, query: ReportQuery, report: PerformanceReport, fence: int | None
    ) -> StoredReport:
        """A report that nobody but this process keeps."""
        stored = StoredReport.of(report, self._clock())
        self.remember(key, stored)
        return stored

    def remember(self, key: ReportKey, stored: StoredReport) -> None:
        """The newest report on a query, wherever else it is kept."""
        self._reports[key.query_digest] = _LastReport(key.state_digest, stored)
        self._reports.move_to_end(key.query_digest)
        if len(self._reports) > REPORTS_REMEMBERED:
            self._reports.popitem(last=False)

    async def clear(self) -> int:
        """Removes every report."""
        count = len(self._reports)
        self._reports.clear()
        return count
