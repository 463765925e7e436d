"""The way of a question to its report: the diagram of the design as code.

Redis away: the last report of this process on the same state, STALE, else rules. The metrics-service away: the last
report on the question, STALE, else MetricsAway.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from prometheus_client import Counter

from analytics_service.cache.border import RedisAway
from analytics_service.cache.local import LastReports
from analytics_service.cache.redis import CachedReport
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.deadline import Deadline
from analytics_service.metrics_client.client import MetricsAway
from analytics_service.reports.lookup import Lookup, Lookups
from analytics_service.reports.maker import ReportMaker
from analytics_service.reports.single_flight import SingleFlight
from shared.asyncio.clock import Clock
from shared.contracts.metrics import MetricsQuery

ANSWERS = Counter("analysis_answers", "Reports answered", ["cache", "source"])

log = structlog.get_logger()


class CacheStatus(StrEnum):
    """Where an answer comes from: `X-Cache`."""

    HIT = "HIT"
    STALE = "STALE"
    """From the cache, older than it should be; a new one is being made, or cannot be."""
    MISS = "MISS"


@dataclass(frozen=True, slots=True)
class Answer:
    """A report as it is answered."""

    body: bytes
    cache: CacheStatus
    age_seconds: int


class Analysis:
    """Answers questions with reports."""

    def __init__(self, lookups: Lookups, maker: ReportMaker, deadline_seconds: float, clock: Clock) -> None:
        self.lookups, self.maker = lookups, maker
        self.deadline_seconds, self.clock = deadline_seconds, clock
        self.last_reports = LastReports()
        self.flights: SingleFlight[CachedReport] = SingleFlight()
        self.refreshes: SingleFlight[None] = SingleFlight()

    async def answer(self, query: MetricsQuery) -> Answer:
        """A report, within the deadline. Raises MetricsAway when there are no numbers and no earlier report."""
        deadline = Deadline.after(self.deadline_seconds, self.clock)
        question = self.lookups.keys.question(query)
        try:
            found = await self.lookups.look(query, question)
        except MetricsAway:
            return await self.last_known(question)
        cached = found.cached
        if cached and cached.is_fresh(self.clock()):
            return self.answered(cached, CacheStatus.HIT)
        if cached and cached.is_within_grace(self.clock()):
            self.refreshes.start(found.key, lambda: self.refresh(found, deadline))
            return self.answered(cached, CacheStatus.STALE)
        if found.redis_away and (last := self.last_reports.on_state(found.key)):
            return self.answered(last, CacheStatus.STALE)
        return self.answered(await self.made(found, deadline), CacheStatus.MISS)

    async def made(self, found: Lookup, deadline: Deadline) -> CachedReport:
        """The report, made once for all who ask this process at this moment.

        One that is by rules because whoever began it has used up its share is not for the others: one of them begins
        anew, with its own.
        """
        began = False

        def make() -> Coroutine[Any, Any, CachedReport]:
            nonlocal began
            began = True
            return self.make(found, deadline)

        while True:
            made = await self.flights.join(found.key, make)
            if began or not made.for_one_client:
                return made

    async def make(self, found: Lookup, deadline: Deadline) -> CachedReport:
        """The report, remembered for the time when Redis or the metrics-service is away."""
        made = await self.maker.make(found, deadline)
        if made.report.fallback_reason is not FallbackReason.REDIS_AWAY and not made.for_one_client:
            self.last_reports.remember(found.key, made)
        self.lookups.forget(found.key.question)
        return made

    async def refresh(self, found: Lookup, deadline: Deadline) -> None:
        """A new report in place of a stale one."""
        await self.maker.refresh(found, deadline)
        self.lookups.forget(found.key.question)

    async def last_known(self, question: str) -> Answer:
        """What was last said about a question. Raises MetricsAway when nothing was."""
        try:
            last = await self.lookups.cache.last(question)
        except RedisAway:
            last = None
        last = last or self.last_reports.on_question(question)
        if last is None:
            raise MetricsAway
        return self.answered(last, CacheStatus.STALE)

    def answered(self, cached: CachedReport, status: CacheStatus) -> Answer:
        """The answer, counted."""
        ANSWERS.labels(status, cached.report.source).inc()
        return Answer(cached.body, status, cached.age_seconds(self.clock()))

    def forget_all(self) -> None:
        """Operators cleared the cache: what is remembered in this process goes with it."""
        self.last_reports.forget_all()
        self.lookups.forget_all()

    async def stop(self) -> None:
        """Ends what is under way."""
        for flights in (self.flights, self.refreshes, self.lookups.flights):
            await flights.stop()
