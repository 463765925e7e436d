"""What operators see and do. Redis away: RedisUnavailable, a 503."""

from dataclasses import dataclass

from analytics_service.cache.redis import CachedReportInfo, RedisReportStore
from analytics_service.cache.store import ReportStore
from analytics_service.gemini.breaker import CircuitBreaker
from analytics_service.gemini.ledger import Ledger, LedgerDay
from analytics_service.gemini.quota import CallQuota, QuotaUsage
from analytics_service.reports.inquiry import Inquiry


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts that operators look into. `shared` is what all replicas have; `store` clears this process's too."""

    inquiry: Inquiry
    store: ReportStore
    shared: RedisReportStore
    quota: CallQuota
    circuit: CircuitBreaker
    ledger: Ledger

    async def quota_and_days(self) -> tuple[QuotaUsage, list[LedgerDay]]:
        """The quota now and the last days."""
        return await self.quota.usage(), await self.ledger.days()

    async def cached_reports(self, limit: int) -> list[CachedReportInfo]:
        """Up to `limit` cached reports."""
        return await self.shared.entries(limit)

    async def clear_cache(self) -> int:
        """Empties the cache, and what this process remembers besides."""
        cleared = await self.store.clear()
        self.inquiry.forget_lookups()
        return cleared
