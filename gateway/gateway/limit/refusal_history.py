"""How many requests all gateways have refused, minute by minute, for a month: in Postgres, off the path of requests.

Every WRITE_SECONDS each gateway writes what it has refused in this minute, as a whole number of its own row, so that
writing again does no harm. While Postgres is away minutes wait in memory, MOST_WAITING of them; nothing is asked of it
while nothing is refused.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Self
from uuid import uuid4

import structlog

from gateway.limit.refused import Refused
from shared.asyncio.background import Background
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection
from shared.http.problems import Problem

WRITE_SECONDS = 2.0
"""How far what is told may be behind."""

KEPT_DAYS = 31
MOST_WAITING = 24 * 60
"""Minutes of which the counts wait for Postgres; after that the oldest are lost."""

DEADLINE_SECONDS = 2.0
"""For a look, with waiting for its turn."""

CONNECT_SECONDS = 1.0

MINUTE = timedelta(minutes=1)

WRITE = """
INSERT INTO gateway.refusal (minute, gateway, reason, requests)
SELECT minute, $1, reason, requests
FROM unnest($2::timestamptz[], $3::text[], $4::bigint[]) AS given (minute, reason, requests)
ON CONFLICT (minute, gateway, reason) DO UPDATE SET requests = excluded.requests
"""
READ = """
SELECT date_bin($3, minute, 'epoch'::timestamptz) AS start, reason, sum(requests)::bigint AS requests
FROM gateway.refusal WHERE minute >= $1 AND minute < $2 GROUP BY 1, 2
"""
FORGET = "DELETE FROM gateway.refusal WHERE minute < $1"

log = structlog.get_logger()


class RefusalsUnknown(Problem):
    """Postgres is away, and with it what other gateways have refused, and earlier."""

    status = 503
    type = "urn:problem-type:refusals-unknown"
    title = "Refusals Unknown"

    def __init__(self) -> None:
        super().__init__("Postgres cannot say now what was refused.", headers={"Retry-After": "5"})


class RefusedInBucket(NamedTuple):
    """So many requests were refused for this reason."""

    start: datetime
    reason: str
    requests: int


class RefusalHistory:
    """Writes what this gateway refuses, and reads what all have. `async with` keeps writing; `now` tells the time."""

    def __init__(self, connector: Connector, refused: Refused, now: Callable[[], datetime]) -> None:
        self._refused, self._now = refused, now
        self._seen: Refused = Counter(refused)
        self._waiting: dict[datetime, Refused] = {}  # minutes that are not over, or not written
        self._is_written = True
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS)
        self._turn = asyncio.Lock()
        self._gateway = uuid4()
        self._writing = Background(self._write_forever, "refusal-history")

    async def __aenter__(self) -> Self:
        self._writing.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writing.end()
        await self._write()  # what came since the last time
        self._connection.drop()

    async def between(self, start: datetime, end: datetime, width: timedelta) -> list[RefusedInBucket]:
        """By buckets of this width, counted from 1970; those without refusals are left out. Raises RefusalsUnknown."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._turn, self._connection.use() as connection:
                return [RefusedInBucket(*row) for row in await connection.fetch(READ, start, end, width)]
        except Exception as error:
            log.debug("refusals cannot be read", error=repr(error))
            raise RefusalsUnknown from error

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._write()

    async def _write(self) -> None:
        """What is not written yet; if that fails it waits for the next time."""
        self._count()
        if self._is_written:
            return
        this_minute = self._minute()
        rows = [(minute, reason, n) for minute, counts in self._waiting.items() for reason, n in counts.items()]
        minutes, reasons, requests = zip(*rows, strict=True)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._turn, self._connection.use() as connection:
                await connection.execute(WRITE, self._gateway, minutes, [str(reason) for reason in reasons], requests)
                await connection.execute(FORGET, this_minute - timedelta(days=KEPT_DAYS))
        except Exception as error:  # noqa: BLE001 -- it is tried again the next time, whatever it was
            log.debug("refusals wait to be written", error=repr(error), minutes=len(self._waiting))
        else:
            self._is_written = True
            self._waiting = {minute: counts for minute, counts in self._waiting.items() if minute == this_minute}

    def _count(self) -> None:
        """Adds what was refused since the last time to this minute."""
        new = Counter({reason: n - self._seen[reason] for reason, n in self._refused.items() if n > self._seen[reason]})
        if new:
            self._is_written = False
            self._seen += new
            self._waiting.setdefault(self._minute(), Counter()).update(new)
            while len(self._waiting) > MOST_WAITING:
                del self._waiting[min(self._waiting)]

    def _minute(self) -> datetime:
        return self._now().replace(second=0, microsecond=0)
