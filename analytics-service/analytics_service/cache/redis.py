"""Reports in Redis: fresh for a while, then stale within a grace, then gone. Ages are measured on Redis's clock.

Redis away: RedisUnavailable. An entry that cannot be read, such as one of an older schema, is a miss.
"""

from collections.abc import AsyncIterator
from typing import Literal

import structlog
from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

from analytics_service.cache.border import redis_border, script
from analytics_service.cache.freshness import LAST_REPORT_SECONDS, Life, Lives, StoredReport
from analytics_service.cache.key import ReportKey, last_report_name
from analytics_service.cache.room import ROOM_BYTES, ReportRoom
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.report import PerformanceReport, ReportSource
from shared.asyncio.clock import Clock

SCAN_BATCH = 500
REPORT_NAMES, LAST_NAMES = "analysis:report:*", last_report_name("*")

log = structlog.get_logger()


class Entry(BaseModel):
    """What Redis holds under a report's key. `schema_version` grows with each change that older readers cannot read."""

    schema_version: Literal[1] = 1
    query: ReportQuery
    report: PerformanceReport
    fresh_ms: int
    life_ms: int


class CachedReportInfo(BaseModel):
    """A cached report, for operators."""

    key: str
    query: ReportQuery
    source: ReportSource
    summary: str
    age_seconds: float
    fresh: bool = Field(description="false: answered STALE, which starts a new one")
    gone_in_seconds: float


class RedisReportStore:
    """Keeps reports for all replicas."""

    def __init__(self, redis: Redis, lives: Lives, clock: Clock, room_bytes: int = ROOM_BYTES) -> None:
        self._redis, self._lives, self._clock = redis, lives, clock
        self._room = ReportRoom(redis, room_bytes)
        self._load_script = script(redis, "report_load")
        self._store_script = script(redis, "report_store")

    async def find(self, key: ReportKey) -> StoredReport | None:
        """The report under a key, fresh or stale; None: a miss. Raises RedisUnavailable."""
        return await self._read(key.report)

    async def find_fresh(self, key: ReportKey) -> StoredReport | None:
        """The report under a key, if it is fresh. Raises RedisUnavailable."""
        found = await self.find(key)
        return found if found and found.is_fresh(self._clock()) else None

    async def find_last(self, query_digest: str) -> StoredReport | None:
        """The last report on a query, whatever the state was, to be sent STALE. Raises RedisUnavailable."""
        return await self._read(last_report_name(query_digest), LAST_REPORT_SECONDS * 1000)

    async def put(self, key: ReportKey, query: ReportQuery, report: PerformanceReport, fence: int) -> StoredReport:
        """Keeps a report, unless its maker was succeeded meanwhile: then it is for those who wait, and nobody later.

        Raises RedisUnavailable.
        """
        life = await self.store(key, query, report, fence)
        if life is None:
            log.warning("report not stored: the lock was taken by another", key=key.report)
            return StoredReport.of(report, self._clock())
        return StoredReport.of(report, self._clock(), life)

    async def store(self, key: ReportKey, query: ReportQuery, report: PerformanceReport, fence: int) -> Life | None:
        """Writes a report, which has this life now. None: refused, because somebody took the lock after `fence`.

        Raises RedisUnavailable.
        """
        life = self._lives.of(report)
        life_ms = round(life.whole * 1000)
        entry = Entry(query=query, report=report, fresh_ms=round(life.fresh * 1000), life_ms=life_ms)
        keys, text = [key.fence, key.report, key.last], entry.model_dump_json()
        with redis_border():
            stored = await self._store_script(keys=keys, args=[fence, text, life_ms, LAST_REPORT_SECONDS * 1000])
            if stored:
                await self._room.make_for(dict.fromkeys((key.report, key.last), len(text.encode())))
        return life if stored else None

    async def _read(self, name: str, kept_ms: int | None = None) -> StoredReport | None:
        """The entry of that name, in the times of this process; `kept_ms`: where not its own life decides."""
        with redis_border():
            entry, left_ms = await self._load(name)
        if entry is None:
            return None
        age_ms = (kept_ms or entry.life_ms) - left_ms
        stored_at = self._clock() - age_ms / 1000
        body = entry.report.model_dump_json().encode()
        return StoredReport(
            entry.report, body, stored_at, stored_at + entry.fresh_ms / 1000, stored_at + entry.life_ms / 1000
        )

    async def _load(self, name: str) -> tuple[Entry | None, int]:
        """An entry and how long Redis keeps it yet, in milliseconds, read in one step."""
        text, left_ms = await self._load_script(keys=[name])
        return parse(text), left_ms

    async def entries(self, limit: int) -> list[CachedReportInfo]:
        """Up to `limit` cached reports, in no order. Raises RedisUnavailable."""
        found: list[CachedReportInfo] = []
        with redis_border():
            async for names in self._names(REPORT_NAMES):
                found += [info for name in names if (info := await self._info(name))]
                if len(found) >= limit:
                    break
        return found[:limit]

    async def _info(self, name: str) -> CachedReportInfo | None:
        """What operators see of one entry; None when it has gone meanwhile."""
        entry, left_ms = await self._load(name)
        if entry is None:
            return None
        age_ms = entry.life_ms - left_ms
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
        """Removes every report; returns how many cached ones there were. Raises RedisUnavailable."""
        cleared = 0
        with redis_border():
            for pattern in (REPORT_NAMES, LAST_NAMES):
                async for names in self._names(pattern):
                    removed = await self._redis.unlink(*names)
                    cleared += removed if pattern == REPORT_NAMES else 0
            await self._room.forget_all()
        return cleared

    async def _names(self, pattern: str) -> AsyncIterator[list[str]]:
        """The names that fit, in batches; SCAN never holds Redis up, as KEYS would."""
        names: list[str] = []
        async for name in self._redis.scan_iter(match=pattern, count=SCAN_BATCH):
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
