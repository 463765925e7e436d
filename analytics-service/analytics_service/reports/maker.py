"""Makes a report once, however many wait for it in however many processes.

    lead ── somebody else's ── their report
      │ ours
      ▼ look again: has it been made meanwhile?
    Gemini ── or, for any reason, rules ── stored, if nobody took the lead meanwhile

Every stop hands on its result or the reason why rules must do. Redis away: rules, with that reason, and nothing is
asked of Gemini. A report that was under way is still returned.
"""

import asyncio
from typing import Protocol

import structlog
from prometheus_client import Counter

from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.lock import Lease
from analytics_service.cache.store import ReportStore
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import CallerSection, Findings, PerformanceReport
from analytics_service.deadline import Deadline
from analytics_service.metrics_client.client import MetricsClient
from analytics_service.metrics_client.facts import Facts, comparable_part
from analytics_service.reports.leadership import Leadership
from analytics_service.reports.lookup import Lookup
from analytics_service.rules import findings_by_rules
from shared.asyncio.clock import UtcNow

RESPONSE_RESERVE_SECONDS = 1.0
"""What rules, storing and responding may take: Gemini's time ends so long before the deadline."""

LATE_SECONDS = 0.5
"""Whoever gives up at the deadline by itself says why; only what has not by then is cut off."""

FALLBACKS = Counter("analysis_fallbacks", "Reports made by rules, by reason", ["reason"])

log = structlog.get_logger()


class Analyst(Protocol):
    """Says what the facts mean."""

    async def findings(self, facts: Facts, lease: Lease, deadline: Deadline) -> Findings | FallbackReason:
        """Findings, or the reason why there are none; nothing costly without the lease, or after the deadline."""


class ReportMaker:
    """Leads, asks the analyst, stores."""

    def __init__(
        self,
        metrics: MetricsClient,
        store: ReportStore,
        leadership: Leadership,
        analyst: Analyst,
        now: UtcNow,
    ) -> None:
        self._metrics, self._store, self._leadership = metrics, store, leadership
        self._analyst, self._now = analyst, now

    async def make(self, lookup: Lookup, deadline: Deadline) -> StoredReport:
        """The report on what was looked up: made here, or meanwhile by another process."""
        match await self._lead(lookup, deadline):
            case Lease() as lease:
                return await self._make_and_store(lookup, lease, deadline)
            case StoredReport() as theirs:
                return theirs
            case reason:
                report = self._by_rules(await self._facts(lookup, deadline), reason)
                return await self._store.put(lookup.key, lookup.state.query, report, None)

    async def refresh(self, lookup: Lookup, deadline: Deadline) -> None:
        """Makes a new report in the background, unless somebody is at it."""
        if lease := await self._leadership.take_if_free(lookup.key):
            await self._make_and_store(lookup, lease, deadline)

    async def _lead(self, lookup: Lookup, deadline: Deadline) -> Lease | StoredReport | FallbackReason:
        """The lead, somebody's report, or the reason why there is neither: the lookup may have one already."""
        if isinstance(lookup.found, FallbackReason):
            return lookup.found
        return await self._leadership.take(lookup.key, deadline.earlier(RESPONSE_RESERVE_SECONDS))

    async def _make_and_store(self, lookup: Lookup, lease: Lease, deadline: Deadline) -> StoredReport:
        """The work of the one that leads."""
        async with self._leadership.holding(lease):
            made_meanwhile = await self._store.find_fresh(lookup.key)
            if isinstance(made_meanwhile, StoredReport):
                return made_meanwhile
            facts = await self._facts(lookup, deadline)
            said = made_meanwhile or await self._ask(facts, lease, deadline.earlier(RESPONSE_RESERVE_SECONDS))
            return await self._store.put(lookup.key, lookup.state.query, self._report(facts, said), lease.fence)

    async def _ask(self, facts: Facts, lease: Lease, deadline: Deadline) -> Findings | FallbackReason:
        """What the analyst says, in time."""
        try:
            async with asyncio.timeout(deadline.seconds_left() + LATE_SECONDS):
                return await self._analyst.findings(facts, lease, deadline)
        except TimeoutError:
            return FallbackReason.DEADLINE

    async def _facts(self, lookup: Lookup, deadline: Deadline) -> Facts:
        """What else the metrics-service knows, as far as there is time to ask."""
        return await self._metrics.facts(lookup.state, deadline.earlier(LATE_SECONDS).seconds_left())

    def _report(self, facts: Facts, said: Findings | FallbackReason) -> PerformanceReport:
        """The analyst's findings as a report, or, with the reason, those of the rules."""
        if isinstance(said, FallbackReason):
            return self._by_rules(facts, said)
        return PerformanceReport.of(said, facts.now, self._now(), caller=caller_of(facts))

    def _by_rules(self, facts: Facts, reason: FallbackReason) -> PerformanceReport:
        """What the rules say, and why it is them."""
        FALLBACKS.labels(reason).inc()
        log.info("report by rules", reason=reason)
        return PerformanceReport.of(findings_by_rules(facts), facts.now, self._now(), reason, caller_of(facts))


def caller_of(facts: Facts) -> CallerSection | None:
    """Whose predictions the facts are about; None: whoever asked for them."""
    key_id, all_callers = facts.state.query.key_id, facts.all_callers
    return None if key_id is None or all_callers is None else CallerSection.of(key_id, comparable_part(all_callers))
