"""Makes a report once, however many wait for it in however many processes.

    lock ── somebody else's ── wait: notified, or a poll ── their report
      │ ours
      ▼ look again: has it been made meanwhile?
    Gemini ── or, for any reason, rules ── stored, if nobody took the lock meanwhile

Redis away: rules, with that reason, and nothing is asked of Gemini. A report that was under way is still returned.
"""

import asyncio

import structlog
from prometheus_client import Counter

from analytics_service.cache.border import RedisAway
from analytics_service.cache.lock import Lease, ReportLock
from analytics_service.cache.redis import CachedReport, ReportCache
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport
from analytics_service.deadline import Deadline
from analytics_service.gemini.analyst import GeminiAnalyst, NoFindings
from analytics_service.metrics_client.client import MetricsClient
from analytics_service.metrics_client.facts import Facts
from analytics_service.reports.lookup import Lookup
from analytics_service.rules import findings_by_rules
from shared.asyncio.clock import UtcNow

ANSWER_RESERVE_SECONDS = 1.0
"""What rules, storing and answering may take: Gemini's time ends so long before the deadline."""

LATE_SECONDS = 0.5
"""Whoever gives up at the deadline by itself says why; only what has not by then is cut off."""

FALLBACKS = Counter("analysis_fallbacks", "Reports made by rules, by reason", ["reason"])

log = structlog.get_logger()


class ReportMaker:
    """Lock, Gemini, rules, cache. `gemini` is None without a key."""

    def __init__(
        self,
        metrics: MetricsClient,
        cache: ReportCache,
        lock: ReportLock,
        gemini: GeminiAnalyst | None,
        now: UtcNow,
    ) -> None:
        self.metrics, self.cache, self.lock, self.gemini, self.now = metrics, cache, lock, gemini, now

    async def make(self, found: Lookup, deadline: Deadline) -> CachedReport:
        """The report on what was found: made here, or meanwhile by another process."""
        if found.redis_away:
            return await self.by_rules_alone(found, deadline, FallbackReason.REDIS_AWAY)
        try:
            taken = await self.lease_or_report(found, deadline.earlier(ANSWER_RESERVE_SECONDS))
        except RedisAway:
            return await self.by_rules_alone(found, deadline, FallbackReason.REDIS_AWAY)
        except TimeoutError:
            return await self.by_rules_alone(found, deadline, FallbackReason.DEADLINE)
        if isinstance(taken, CachedReport):
            return taken
        async with self.lock.holding(taken):
            return await self.make_and_store(found, taken, deadline)

    async def lease_or_report(self, found: Lookup, deadline: Deadline) -> Lease | CachedReport:
        """The lock, or the report of whoever held it. Raises RedisAway, or TimeoutError at the deadline."""
        if lease := await self.lock.try_acquire(found.key):
            return lease
        async with self.lock.waiting(found.key) as waiter:
            while deadline.seconds_left():
                if lease := await self.lock.try_acquire(found.key):
                    return lease
                await waiter.wait()
                if cached := await self.fresh_report(found):
                    return cached
        raise TimeoutError

    async def refresh(self, found: Lookup, deadline: Deadline) -> None:
        """Makes a new report in the background, unless somebody is at it."""
        try:
            lease = await self.lock.try_acquire(found.key)
        except RedisAway:
            return
        if lease is not None:
            async with self.lock.holding(lease):
                await self.make_and_store(found, lease, deadline)

    async def make_and_store(self, found: Lookup, lease: Lease, deadline: Deadline) -> CachedReport:
        """The work of the one that holds the lock."""
        try:
            if cached := await self.fresh_report(found):
                return cached
            facts = await self.facts(found, deadline)
            report = await self.report_on(facts, lease, deadline.earlier(ANSWER_RESERVE_SECONDS))
        except RedisAway:
            return await self.by_rules_alone(found, deadline, FallbackReason.REDIS_AWAY)
        made = CachedReport.new(report, self.cache.clock())
        return made if made.for_one_client else await self.stored(found, lease, report)

    async def fresh_report(self, found: Lookup) -> CachedReport | None:
        """The report that was made since we looked. Raises RedisAway."""
        cached = await self.cache.get(found.key)
        return cached if cached and cached.is_fresh(self.cache.clock()) else None

    async def report_on(self, facts: Facts, lease: Lease, deadline: Deadline) -> PerformanceReport:
        """Gemini's report, or that of the rules with the reason. Raises RedisAway."""
        if self.gemini is None:
            return self.by_rules(facts, FallbackReason.NO_API_KEY)
        if facts.now.total_predictions == 0:
            return self.by_rules(facts, FallbackReason.EMPTY_WINDOW)
        try:
            async with asyncio.timeout(deadline.seconds_left() + LATE_SECONDS):
                findings = await self.gemini.findings(facts, lease, deadline)
        except NoFindings as none:
            return self.by_rules(facts, none.reason)
        except TimeoutError:
            return self.by_rules(facts, FallbackReason.DEADLINE)
        return PerformanceReport.of(findings, facts.now, self.now())

    async def stored(self, found: Lookup, lease: Lease, report: PerformanceReport) -> CachedReport:
        """The report in the cache, or, when it cannot be there, by itself."""
        try:
            if not await self.cache.store(found.key, found.state.query, report, lease.fence):
                log.warning("report not stored: the lock was taken by another", key=found.key.report)
            elif cached := await self.cache.get(found.key):
                return cached
        except RedisAway:
            log.warning("report not stored: redis away", key=found.key.report)
        return CachedReport.new(report, self.cache.clock())

    async def by_rules_alone(self, found: Lookup, deadline: Deadline, reason: FallbackReason) -> CachedReport:
        """A rules report that is not stored."""
        facts = await self.facts(found, deadline)
        return CachedReport.new(self.by_rules(facts, reason), self.cache.clock())

    async def facts(self, found: Lookup, deadline: Deadline) -> Facts:
        """What else the metrics-service knows, as far as there is time to ask."""
        return await self.metrics.facts(found.state, deadline.earlier(LATE_SECONDS).seconds_left())

    def by_rules(self, facts: Facts, reason: FallbackReason) -> PerformanceReport:
        """What the rules say, and why it is them."""
        FALLBACKS.labels(reason).inc()
        log.info("report by rules", reason=reason)
        return PerformanceReport.of(findings_by_rules(facts), facts.now, self.now(), reason)
