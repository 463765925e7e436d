"""What does the quota for Gemini cost, beside the moving window of `limits`? Both through redis-py on one Redis.

Each takes a call and counts it, over 32 tasks: once with room for all, once with nearly all refused.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis

from analytics_service.gemini.quota import CallQuota, QuotaExhaustedError
from benchmarks.contestants import here_and, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.report import Result, bar
from benchmarks.harness.stores import redis_server
from benchmarks.options import Options
from shared.testing.redis import RedisServer

TITLE = "Quota script"
TASKS = 32
MOST = 1.25
OURS, THEIRS = "the quota", "limits' moving window"
ALLOWED = {"nearly all refused": 10, "room for all": 100_000}

Take = Callable[[], Awaitable[object]]
Taking = Callable[[RedisServer, int, float], Coroutine[None, None, int]]


def run(options: Options) -> Result:
    """Processor time of a call, of this process and of Redis."""
    found = Result(TITLE)
    with redis_server(options.folder / "quota") as server:
        for name, allowed in ALLOWED.items():
            others = {THEIRS: taking(with_limits, server, allowed)}
            duels = contest(taking(with_the_quota, server, allowed), others, options.pairs, options.of(1))
            what = f"processor time of the quota script, {name}, to limits' moving window"
            found.bars.append(bar("analytics", what, "at most", MOST, "×", duels[THEIRS].ratio()))
            found.tables.append(table(f"A call, {name}", OURS, duels, 1))
    return found


def taking(calls: Taking, server: RedisServer, allowed: int) -> Contestant:
    """In an event loop of its own."""
    return Contestant(lambda seconds: asyncio.run(calls(server, allowed, seconds)), here_and(Redis=server))


async def with_the_quota(server: RedisServer, allowed: int, seconds: float) -> int:
    """This project's script."""
    async with Redis(port=server.port, password=server.password, decode_responses=True) as redis:
        await redis.flushall()
        quota = CallQuota(redis, allowed)

        async def take() -> None:
            with contextlib.suppress(QuotaExhaustedError):
                await quota.take()

        return await calls(take, seconds)


async def with_limits(server: RedisServer, allowed: int, seconds: float) -> int:
    """The package's."""
    server.client().flushall()
    storage = RedisStorage(f"async+redis://:{server.password}@127.0.0.1:{server.port}", implementation="redispy")
    window, item = MovingWindowRateLimiter(storage), RateLimitItemPerMinute(allowed)
    return await calls(lambda: window.hit(item, "gemini"), seconds)


async def calls(take: Take, seconds: float) -> int:
    """Calls taken or refused."""
    end, count = time.perf_counter() + seconds, 0

    async def keep_taking() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await take()
            count += 1

    await asyncio.gather(*(keep_taking() for _ in range(TASKS)))
    return count
