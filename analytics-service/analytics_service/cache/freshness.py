"""When a report is fresh, when it is stale, and when it is gone; pure."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport, ReportSource

LAST_REPORT_SECONDS = 86_400
"""How long the last report on a query is kept for the time when there are no numbers."""

BY_RULES_AT_ONCE = frozenset({FallbackReason.NO_API_KEY, FallbackReason.EMPTY_WINDOW})
"""Why rules made a report without anything having been tried."""

OF_THIS_MOMENT = frozenset({FallbackReason.REDIS_AWAY, FallbackReason.CLIENT_QUOTA_EXHAUSTED})
"""Why rules made a report that the next one who asks should not get: it may be made better by then, or for them."""


class Life(NamedTuple):
    """How long one report is fresh, and how long it is sent STALE after that; in seconds."""

    fresh: float
    stale: float

    @property
    def whole(self) -> float:
        """Until it is gone."""
        return self.fresh + self.stale


FOR_THOSE_WHO_WAIT = Life(0, 0)
"""Of a report that nobody gets later."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long reports live, by who wrote them; in seconds. `grace`: how long they are sent STALE."""

    gemini: float
    rules: float
    grace: float

    def of(self, report: PerformanceReport) -> Life:
        """The life of a report. Where rules can write a new one at once, there is no need for an old."""
        fresh = self.gemini if report.source is ReportSource.GEMINI else self.rules
        return Life(fresh, 0 if report.fallback_reason in BY_RULES_AT_ONCE else self.grace)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as this process holds it; times are those of its clock: fresh, then stale, then gone."""

    report: PerformanceReport
    body: bytes
    """The report as it is sent."""
    stored_at: float
    fresh_until: float
    gone_at: float
    renewable: bool = True
    """Whether a new one can be made while this one is stale."""

    @classmethod
    def of(cls, report: PerformanceReport, now: float, life: Life = FOR_THOSE_WHO_WAIT) -> "StoredReport":
        """A report that was made just now."""
        return cls(report, report.model_dump_json().encode(), now, now + life.fresh, now + life.whole)

    @property
    def for_one_client(self) -> bool:
        """Whether Gemini would have written it for another client: then it is nobody else's report."""
        return self.report.fallback_reason is FallbackReason.CLIENT_QUOTA_EXHAUSTED

    def is_fresh(self, now: float) -> bool:
        """Whether it may be sent as it is."""
        return now < self.fresh_until

    def is_stale(self, now: float) -> bool:
        """Whether it may be sent while a new one is made."""
        return self.fresh_until <= now < self.gone_at

    def age_seconds(self, now: float) -> int:
        """How long ago it was stored."""
        return max(0, math.floor(now - self.stored_at))
