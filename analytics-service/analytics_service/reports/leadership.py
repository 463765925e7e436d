"""Who makes a report: one of all who want it, in however many processes; the others wait for theirs.

lock ── somebody else's ── wait: notified, or a poll ── their report
│ ours
▼ a lease, to be held while the report is made
"""

from contextlib import AbstractAsyncContextManager

from analytics_service.cache.border import unless_unavailable
from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.cache.lock import Lease, ReportLock
from analytics_service.cache.store import ReportStore
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.deadline import Deadline
from shared.tracing.span import span


class Leadership:
    """Hands out the lead. Redis away: nobody leads, and the reason is REDIS_AWAY."""

    def __init__(self, lock: ReportLock, store: ReportStore) -> None:
        self._lock, self._store = lock, store

    async def take(self, key: ReportKey, deadline: Deadline) -> Lease | StoredReport | FallbackReason:
        """The lead, the report of whoever had it, or the reason why neither can be had by the deadline."""
        with span("lock") as spanned:
            taken = await unless_unavailable(self._lease_or_report(key, deadline), FallbackReason.REDIS_AWAY)
            spanned.set("modelserver.lock.outcome", taken if isinstance(taken, str) else type(taken).__name__)
        return taken

    async def take_if_free(self, key: ReportKey) -> Lease | None:
        """The lead; None: somebody has it, or nobody can."""
        return await unless_unavailable(self._lock.try_acquire(key), None)

    def holding(self, lease: Lease) -> AbstractAsyncContextManager[None]:
        """Keeps the lead while the block runs, then gives it back."""
        return self._lock.holding(lease)

    async def _lease_or_report(self, key: ReportKey, deadline: Deadline) -> Lease | StoredReport | FallbackReason:
        """Raises RedisUnavailable."""
        if lease := await self._lock.try_acquire(key):
            return lease
        async with self._lock.waiting(key) as waiter:
            while deadline.seconds_left():
                if lease := await self._lock.try_acquire(key):
                    return lease
                await waiter.wait()
                if made := await self._store.find_fresh(key):
                    return made
        return FallbackReason.DEADLINE
