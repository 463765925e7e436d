"""Reports in Redis: fresh for a while, then stale within a grace, then gone. Ages are measured on Redis's clock.

Redis away: RedisAway. An entry that cannot be read, such as one of an older schema, is a miss.
"""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import structlog
from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

from analytics_service.cache.border import away_as_one_error, script
from analytics_service.cache.key import LAST_REPORT_PREFIX, ReportKey, last_report_name
from analytics_service.cache.room import ROOM_BYTES, ReportRoom
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import PerformanceReport, ReportSource
from shared.asyncio.clock import Clock
from shared.contracts.metrics import MetricsQuery

LAST_REPORT_SECONDS = 86_400
"""How long the last report on a question is kept for the time when there are no numbers."""

SCAN_BATCH = 500
REPORT_NAMES, LAST_NAMES = "analysis:report:*", last_report_name("*")

log = structlog.get_logger()


class Entry(BaseModel):
    """What Redis holds under a report's key. `schema_version` grows with each change that older readers cannot read."""

    schema_version: Literal[1] = 1
    query: MetricsQuery
    report: PerformanceReport
    fresh_ms: int
    life_ms: int


@dataclass(frozen=True, slots=True)
class CachedReport:
    """A report as this process holds it; times are those of its clock."""

    report: PerformanceReport
    body: bytes
    """The report as it is answered."""
    stored_at: float
    fresh_until: float
    gone_at: float

    @classmethod
    def new(cls, report: PerformanceReport, now: float) -> "CachedReport":
        """A report that was made just now and is in no cache."""
        return cls(report, report.model_dump_json().encode(), now, now, now)

    @property
    def for_one_client(self) -> bool:
        """Whether Gemini would have written it for another client: then it is nobody else's report."""
        return self.report.fallback_reason is FallbackReason.CLIENT_QUOTA_EXHAUSTED

    def is_fresh(self, now: float) -> bool:
        """Whether it may be answered as it is."""
        return now < self.fresh_until

    def is_within_grace(self, now: float) -> bool:
        """Whether it may be answered while a new one is made."""
        return now < self.gone_at

    def age_seconds(self, now: float) -> int:
        """How long ago it was stored."""
        return max(0, math.floor(now - self.stored_at))


class CachedReportInfo(BaseModel):
    """A cached report, for operators."""

    key: str
    query: MetricsQuery
    source: ReportSource
    summary: str
    age_seconds: float
    fresh: bool = Field(description="false: answered STALE, which starts a new one")
    gone_in_seconds: float


BY_RULES_AT_ONCE = frozenset({FallbackReason.NO_API_KEY, FallbackReason.EMPTY_WINDOW})
"""Why rules made a report without anything having been tried."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long reports are fresh, and how long they are answered STALE after that; in seconds."""

    gemini: float
    rules: float
    grace: float

    def fresh(self, report: PerformanceReport) -> float:
        """How long a report is fresh."""
        return self.gemini if report.source is ReportSource.GEMINI else self.rules

    def stale(self, report: PerformanceReport) -> float:
        """How long it is answered after that. By rules a new one may be there at once: no need for an old."""
        return 0 if report.fallback_reason in BY_RULES_AT_ONCE else self.grace


class ReportCache:
    """Reads and writes reports."""

    def __init__(self, redis: Redis, lives: Lives, clock: Clock, room_bytes: int = ROOM_BYTES) -> None:
        self.redis, self.lives, self.clock = redis, lives, clock
        self.room = ReportRoom(redis, room_bytes)
        self.load_script = script(redis, "report_load")
        self.store_script = script(redis, "report_store")

    async def get(self, key: ReportKey) -> CachedReport | None:
        """The report under a key, fresh or stale; None: a miss. Raises RedisAway."""
        return await self.read(key.report)

    async def last(self, question: str) -> CachedReport | None:
        """The last report on a question, whatever the state was, to be answered STALE. Raises RedisAway."""
        return await self.read(last_report_name(question))

    async def read(self, name: str) -> CachedReport | None:
        """The entry of that name, in the times of this process."""
        with away_as_one_error():
            entry, age_ms = await self.load(name)
        if entry is None:
            return None
        stored_at = self.clock() - age_ms / 1000
        body = entry.report.model_dump_json().encode()
        return CachedReport(
            entry.report, body, stored_at, stored_at + entry.fresh_ms / 1000, stored_at + entry.life_ms / 1000
        )

    async def load(self, name: str) -> tuple[Entry | None, int]:
        """An entry and its age in milliseconds, read in one step."""
        text, left_ms = await self.load_script(keys=[name])
        entry = parse(text)
        if entry is None:
            return None, 0
        life_ms = LAST_REPORT_SECONDS * 1000 if name.startswith(LAST_REPORT_PREFIX) else entry.life_ms
        return entry, life_ms - left_ms

    async def store(self, key: ReportKey, query: MetricsQuery, report: PerformanceReport, fence: int) -> bool:
        """Writes a report; False: refused, because somebody took the lock after `fence`. Raises RedisAway."""
        fresh = self.lives.fresh(report)
        life_ms = round((fresh + self.lives.stale(report)) * 1000)
        entry = Entry(query=query, report=report, fresh_ms=round(fresh * 1000), life_ms=life_ms)
        keys, text = [key.fence, key.report, key.last], entry.model_dump_json()
        with away_as_one_error():
            stored = await self.store_script(keys=keys, args=[fence, text, life_ms, LAST_REPORT_SECONDS * 1000])
            if stored:
                await self.room.make_for(dict.fromkeys((key.report, key.last), len(text.encode())))
        return bool(stored)

    async def entries(self, limit: int) -> list[CachedReportInfo]:
        """Up to `limit` cached reports, in no order. Raises RedisAway."""
        found: list[CachedReportInfo] = []
        with away_as_one_error():
            async for names in self.names(REPORT_NAMES):
                found += [info for name in names if (info := await self.info(name))]
                if len(found) >= limit:
                    break
        return found[:limit]

    async def info(self, name: str) -> CachedReportInfo | None:
        """What operators see of one entry; None when it has gone meanwhile."""
        entry, age_ms = await self.load(name)
        if entry is None:
            return None
        return CachedReportInfo(
            key=name,
            query=entry.query,
            source=entry.report.source,
            summary=entry.report.summary,
            age_seconds=age_ms / 1000,
            fresh=age_ms < entry.fresh_ms,
            gone_in_seconds=(entry.life_ms - age_ms) / 1000,
        )

    async def clear(self) -> int:
        """Removes every report; returns how many cached ones there were. Raises RedisAway."""
        cleared = 0
        with away_as_one_error():
            for pattern in (REPORT_NAMES, LAST_NAMES):
                async for names in self.names(pattern):
                    removed = await self.redis.unlink(*names)
                    cleared += removed if pattern == REPORT_NAMES else 0
            await self.room.forget_all()
        return cleared

    async def names(self, pattern: str) -> AsyncIterator[list[str]]:
        """The names that fit, in batches; SCAN never holds Redis up, as KEYS would."""
        names: list[str] = []
        async for name in self.redis.scan_iter(match=pattern, count=SCAN_BATCH):
            names.append(str(name))
            if len(names) == SCAN_BATCH:
                yield names
                names = []
        if names:
            yield names


def parse(text: str | None) -> Entry | None:
    """The entry in a text; None for nothing and for what this version cannot read."""
    if text is None:
        return None
    try:
        return Entry.model_validate_json(text)
    except ValidationError as error:
        log.info("cached report of another schema", faults=error.error_count())
        return None
