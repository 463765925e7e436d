"""Where reports are kept: what a store promises."""

from typing import Protocol

from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport


class ReportStore(Protocol):
    """Finds and keeps reports. What it cannot do is a value: None, or the reason why rules must do."""

    async def find(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """The report on a state, fresh or stale; None: there is none; a reason: and none but by rules can be made."""

    async def find_fresh(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """The same, but only one that is fresh, as somebody may have made it meanwhile."""

    async def find_last(self, query_digest: str) -> StoredReport | None:
        """The last report on a query, whatever the state was."""

    async def put(
        self, key: ReportKey, query: ReportQuery, report: PerformanceReport, fence: int | None
    ) -> StoredReport:
        """A report that was just made, kept as far as it can be.

        `fence` is the number under which its maker led; None: it never did, and others must not be given it.
        """

    async def clear(self) -> int:
        """Removes every report; returns how many there were. Raises RedisUnavailable."""
