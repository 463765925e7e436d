"""Where reports are kept: what a store promises, and a report as it comes out of one."""

import math
from dataclasses import dataclass
from typing import Protocol

from analytics_service.cache.key import ReportKey
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport
from shared.contracts.metrics import MetricsQuery


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
    def of(
        cls, report: PerformanceReport, now: float, fresh_seconds: float = 0, stale_seconds: float = 0
    ) -> "StoredReport":
        """A report that was made just now; without seconds it serves those who wait for it, and nobody later."""
        fresh_until = now + fresh_seconds
        return cls(report, report.model_dump_json().encode(), now, fresh_until, fresh_until + stale_seconds)

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


class ReportStore(Protocol):
    """Finds and keeps reports. What it cannot do is a value: None, or the reason why rules must do."""

    async def find(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """The report on a state, fresh or stale; None: there is none; a reason: and none but by rules can be made."""

    async def find_fresh(self, key: ReportKey) -> StoredReport | FallbackReason | None:
        """The same, but only one that is fresh, as somebody may have made it meanwhile."""

    async def find_last(self, query_digest: str) -> StoredReport | None:
        """The last report on a query, whatever the state was."""

    async def put(
        self, key: ReportKey, query: MetricsQuery, report: PerformanceReport, fence: int | None
    ) -> StoredReport:
        """A report that was just made, kept as far as it can be.

        `fence` is the number under which its maker led; None: it never did, and others must not be given it.
        """

    async def clear(self) -> int:
        """Removes every report; returns how many there were. Raises RedisUnavailable."""
