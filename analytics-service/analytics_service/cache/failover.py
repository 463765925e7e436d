"""Reports in Redis; while it is away, those of this process. What Redis cannot do for reports is said here, once."""

import structlog

from analytics_service.cache.border import unless_unavailable
from analytics_service.cache.freshness import OF_THIS_MOMENT, StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.cache.local import LocalReportStore
from analytics_service.cache.redis import RedisReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport
from shared.asyncio.clock import Clock
from shared.tracing.span import span

log = structlog.get_logger()


class FailoverReportStore:
    """The store of the service. Every report that was made is remembered in `local` too, for the time without Redis."""

    def __init__(self, shared: RedisReportStore, local: LocalReportStore, clock: Clock) -> None:
        self._shared, self._local, self._clock = shared, local, clock

    async def find(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """Redis away: this process's last report on the same state, stale for as long as it takes, else REDIS_AWAY."""
        with span("cache") as spanned:
            found = await unless_unavailable(self._shared.find(key), FallbackReason.REDIS_AWAY)
            spanned.set("modelserver.cache.found", kind_of(found))
        return await self._local.find(key) if isinstance(found, FallbackReason) else found

    async def find_fresh(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """Redis away: REDIS_AWAY."""
        with span("cache") as spanned:
            found = await unless_unavailable(self._shared.find_fresh(key), FallbackReason.REDIS_AWAY)
            spanned.set("modelserver.cache.found", kind_of(found))
        if isinstance(found, StoredReport):
            self._local.remember(key, found)
        return found

    async def find_last(self, query_digest: str) -> StoredReport | None:
        """Redis away, or without one: this process's own."""
        found = await unless_unavailable(self._shared.find_last(query_digest), None)
        return found or await self._local.find_last(query_digest)

    async def put(
        self, key: ReportKey, query: ReportQuery, report: PerformanceReport, fence: int | None
    ) -> StoredReport:
        """Redis away: only this process has it. A report of this moment is kept nowhere."""
        if report.fallback_reason in OF_THIS_MOMENT:
            return StoredReport.of(report, self._clock())
        if fence is None:
            return await self._local.put(key, query, report, fence)
        with span("cache store"):
            stored = await unless_unavailable(self._shared.put(key, query, report, fence), None)
        if stored is None:
            log.warning("report not stored: redis away", key=key.report)
            return await self._local.put(key, query, report, fence)
        self._local.remember(key, stored)
        return stored

    async def clear(self) -> int:
        """Removes every report, here and in Redis; returns how many Redis had. Raises RedisUnavailable."""
        cleared = await self._shared.clear()
        await self._local.clear()
        return cleared


def kind_of(found: StoredReport | FallbackReason | None) -> str:
    """What a trace says of what was found."""
    if found is None:
        return "nothing"
    return str(found) if isinstance(found, FallbackReason) else "report"
