"""What the state is now, and whether there is a report on it: to be known before any report is sent.

A question that is asked now and then is looked up anew each time. One that is asked more than OFTEN times a second is
answered from the last lookup, while a new one is made in the background: heavy traffic on a dashboard neither waits nor
floods the metrics-service and Redis. What is answered then was true at most SHARED_SECONDS ago.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics_service.cache.freshness import StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.cache.store import ReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.metrics_client.client import MetricsClient
from analytics_service.metrics_client.facts import State
from analytics_service.reports.key import ReportKeys
from analytics_service.reports.single_flight import SingleFlight
from shared.asyncio.clock import Clock

OFTEN = 10
"""Questions per second; per question and process."""

SHARED_SECONDS = 1.0
"""No lookup is shared for longer, not even when the next one hangs."""

PAUSE_SECONDS = 0.1
"""Between the beginnings of lookups in the background."""

QUESTIONS_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was looked up from the moment `at` on; `found` is what the store says of the report on that state."""

    at: float
    state: State
    key: ReportKey
    found: StoredReport | FallbackReason | None


@dataclass(slots=True)
class Recent:
    """The last lookup of a question, and when it was asked the last times."""

    asked: deque[float] = field(default_factory=lambda: deque(maxlen=OFTEN))
    result: Lookup | None = None

    def shareable(self, now: float) -> Lookup | None:
        """The last lookup, when the question is asked often and it is young enough. One more asks."""
        often = len(self.asked) == OFTEN and now - self.asked[0] < 1
        self.asked.append(now)
        return self.result if often and self.result and now - self.result.at < SHARED_SECONDS else None


class Lookups:
    """Looks questions up. `recent` holds the last questions asked, the latest at the end."""

    def __init__(self, metrics: MetricsClient, store: ReportStore, keys: ReportKeys, clock: Clock) -> None:
        self.keys = keys
        self._metrics, self._store, self._clock = metrics, store, clock
        self._recent: OrderedDict[str, Recent] = OrderedDict()
        self.flights: SingleFlight[Lookup] = SingleFlight()

    async def look(self, query: ReportQuery, query_digest: str, shown: Mapping[str, str] | None = None) -> Lookup:
        """State, key and stored report. Raises MetricsUnavailable, UnknownName or InvalidRequest.

        `shown`: by which right the metrics-service is asked; whoever comes here has it, so all may share what is found.
        """
        recent = self._remembered(query_digest)
        now = self._clock()
        shared = recent.shareable(now)
        if shared is None:
            return await self.flights.join(query_digest, lambda: self._look_anew(query, recent, shown))
        if now - shared.at >= PAUSE_SECONDS:
            self.flights.start(query_digest, lambda: self._look_anew(query, recent, shown))
        return shared

    async def _look_anew(self, query: ReportQuery, recent: Recent, shown: Mapping[str, str] | None) -> Lookup:
        """Asks the metrics-service, then the store."""
        at = self._clock()
        state = await self._metrics.state(query, shown)
        key = self.keys.key(state)
        recent.result = Lookup(at, state, key, await self._store.find(key))
        return recent.result

    def _remembered(self, query_digest: str) -> Recent:
        """What is remembered of a question; the one asked longest ago makes room."""
        recent = self._recent.setdefault(query_digest, Recent())
        self._recent.move_to_end(query_digest)
        if len(self._recent) > QUESTIONS_REMEMBERED:
            self._recent.popitem(last=False)
        return recent

    def forget(self, query_digest: str) -> None:
        """There is a new report: what was found before does not count."""
        self._recent.pop(query_digest, None)

    def forget_all(self) -> None:
        """The cache was cleared."""
        self._recent.clear()
