"""What operators may see and do. Redis away: StoreAway, a 503."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from analytics_service.cache.border import RedisAway
from analytics_service.cache.redis import CachedReportInfo, ReportCache
from analytics_service.gemini.breaker import CircuitBreaker
from analytics_service.gemini.ledger import Ledger, LedgerDay
from analytics_service.gemini.quota import CallQuota, QuotaUsage
from analytics_service.reports.inquiry import Analysis
from shared.http.problems import Problem

RETRY_AFTER_SECONDS = 2


class StoreAway(Problem):
    """Quota and cache cannot be looked at now."""

    status = 503
    type = "urn:problem-type:cache-away"
    title = "Cache Away"

    def __init__(self) -> None:
        super().__init__(
            "The store of quota and cache does not answer.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


@contextmanager
def away_as_problem() -> Iterator[None]:
    """Turns RedisAway into a problem."""
    try:
        yield
    except RedisAway as error:
        raise StoreAway from error


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts that operators look into."""

    analysis: Analysis
    cache: ReportCache
    quota: CallQuota
    circuit: CircuitBreaker
    ledger: Ledger

    async def quota_and_days(self) -> tuple[QuotaUsage, list[LedgerDay]]:
        """The quota now and the last days. Raises StoreAway."""
        with away_as_problem():
            return await self.quota.usage(), await self.ledger.days()

    async def cached_reports(self, limit: int) -> list[CachedReportInfo]:
        """Up to `limit` cached reports. Raises StoreAway."""
        with away_as_problem():
            return await self.cache.entries(limit)

    async def clear_cache(self) -> int:
        """Empties the cache, and what this process remembers besides. Raises StoreAway."""
        with away_as_problem():
            cleared = await self.cache.clear()
        self.analysis.forget_all()
        return cleared
