"""Before any report is answered: the state now, and the report on it that is cached.

A question that is asked now and then is looked up anew each time. One that is asked more often than
LOOKUPS_PER_SECOND shares the lookups of the last second, so that heavy traffic on a dashboard neither floods the
metrics-service nor Redis; what is answered then is true of a moment at most a second ago.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from analytics_service.facts import State
from analytics_service.metrics_client import MetricsClient
from analytics_service.redis_border import RedisAway
from analytics_service.report_cache import CachedReport, ReportCache
from analytics_service.report_key import ReportKey, ReportKeys
from analytics_service.single_flight import SingleFlight
from shared.contracts.metrics import MetricsQuery

LOOKUPS_PER_SECOND = 10
"""Per question and process."""

QUESTIONS_REMEMBERED = 1000

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was found. `redis_away`: nobody knows whether there is a report."""

    state: State
    key: ReportKey
    cached: CachedReport | None
    redis_away: bool = False


@dataclass(slots=True)
class Recent:
    """The last lookup of a question, and when lookups of the last second began."""

    begun: deque[float] = field(default_factory=lambda: deque(maxlen=LOOKUPS_PER_SECOND))
    result: Lookup | None = None

    def shareable(self, now: float) -> Lookup | None:
        """The last result, when this second's lookups are used up."""
        return self.result if len(self.begun) == LOOKUPS_PER_SECOND and now - self.begun[0] < 1 else None


class Lookups:
    """Looks questions up. `recent` holds the last questions asked, the latest at the end."""

    def __init__(self, metrics: MetricsClient, cache: ReportCache, keys: ReportKeys, clock: Clock) -> None:
        self.metrics, self.cache, self.keys, self.clock = metrics, cache, keys, clock
        self.recent: OrderedDict[str, Recent] = OrderedDict()
        self.flights: SingleFlight[Lookup] = SingleFlight()

    async def look(self, query: MetricsQuery, question: str) -> Lookup:
        """State, key and cached report. Raises MetricsAway."""
        recent = self.remembered(question)
        shared = recent.shareable(self.clock())
        return shared or await self.flights.join(question, lambda: self.look_anew(query, recent))

    async def look_anew(self, query: MetricsQuery, recent: Recent) -> Lookup:
        """Asks the metrics-service, then Redis."""
        recent.begun.append(self.clock())
        recent.result = None
        state = await self.metrics.state(query)
        key = self.keys.key(state)
        try:
            recent.result = Lookup(state, key, await self.cache.get(key))
        except RedisAway:
            recent.result = Lookup(state, key, None, redis_away=True)
        return recent.result

    def remembered(self, question: str) -> Recent:
        """What is remembered of a question; the one asked longest ago makes room."""
        recent = self.recent.setdefault(question, Recent())
        self.recent.move_to_end(question)
        if len(self.recent) > QUESTIONS_REMEMBERED:
            self.recent.popitem(last=False)
        return recent

    def forget(self, question: str) -> None:
        """There is a new report: what was found before does not count."""
        self.recent.pop(question, None)

    def forget_all(self) -> None:
        """The cache was cleared."""
        self.recent.clear()
