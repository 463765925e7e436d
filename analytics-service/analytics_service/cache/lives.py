"""How long a report lives, by who made it and why; pure."""

from dataclasses import dataclass

from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport, ReportSource

LAST_REPORT_SECONDS = 86_400
"""How long the last report on a query is kept for the time when there are no numbers."""

BY_RULES_AT_ONCE = frozenset({FallbackReason.NO_API_KEY, FallbackReason.EMPTY_WINDOW})
"""Why rules made a report without anything having been tried."""

OF_THIS_MOMENT = frozenset({FallbackReason.REDIS_AWAY, FallbackReason.CLIENT_QUOTA_EXHAUSTED})
"""Why rules made a report that the next one who asks should not get: it may be made better by then, or for them."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long reports are fresh, and how long they are sent STALE after that; in seconds."""

    gemini: float
    rules: float
    grace: float

    def fresh(self, report: PerformanceReport) -> float:
        """How long a report is fresh."""
        return self.gemini if report.source is ReportSource.GEMINI else self.rules

    def stale(self, report: PerformanceReport) -> float:
        """How long it is sent after that. By rules a new one may be there at once: no need for an old."""
        return 0 if report.fallback_reason in BY_RULES_AT_ONCE else self.grace
