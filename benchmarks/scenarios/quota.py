"""What does the quota for Gemini cost, beside the moving window of `limits`? Both through redis-py on one Redis.

Each takes a call and counts it, over 32 tasks: once with room for all, once with nearly all refused.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis

from analytics_service.gemini.quota import CallQuota, QuotaExhaustedError
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.stores import redis_server
from benchmarks.harness.turns import Sample, samples
from benchmarks.options import Options
from shared.testing.redis import RedisServer

TITLE = "Quota script"
TASKS = 32
LEAST_RATIO = 0.8
ALLOWED = {"nearly all refused": 10, "room for all": 100_000}

Take = Callable[[], Awaitable[object]]
RateOf = Callable[[RedisServer, int, float], Coroutine[None, None, float]]


def run(options: Options) -> Result:
    """Calls a second, in turns."""
    found = Result(TITLE)
    rows: list[list[str | Sample]] = []
    with redis_server(options.folder / "quota") as server:
        for name, allowed in ALLOWED.items():
            targets = {
                "ours": partial(in_own_loop, our_rate, server, allowed, options.of(1.5)),
                "theirs": partial(in_own_loop, their_rate, server, allowed, options.of(1.5)),
            }
            ours, theirs = samples(targets, options.short_turns).values()
            ratio = ours.over(theirs)
            rows.append([name, ours, theirs, ratio])
            what = f"quota script, {name}, to limits' moving window"
            found.bars.append(bar("analytics", what, "at least", LEAST_RATIO, "×", ratio))
    found.tables = [Table("", ["", "quota, calls/s", "limits, calls/s", "ratio"], rows)]
    return found


def in_own_loop(rate: RateOf, server: RedisServer, allowed: int, seconds: float) -> float:
    """In an event loop of its own."""
    return asyncio.run(rate(server, allowed, seconds))


async def our_rate(server: RedisServer, allowed: int, seconds: float) -> float:
    """This project's script."""
    async with Redis(port=server.port, password=server.password, decode_responses=True) as redis:
        await redis.flushall()
        quota = CallQuota(redis, allowed)

        async def take() -> None:
            with contextlib.suppress(QuotaExhaustedError):
                await quota.take()

        return await rate(take, seconds)


async def their_rate(server: RedisServer, allowed: int, seconds: float) -> float:
    """The package's."""
    server.client().flushall()
    storage = RedisStorage(f"async+redis://:{server.password}@127.0.0.1:{server.port}", implementation="redispy")
    window, item = MovingWindowRateLimiter(storage), RateLimitItemPerMinute(allowed)
    return await rate(lambda: window.hit(item, "gemini"), seconds)


async def rate(take: Take, seconds: float) -> float:
    """Calls taken or refused per second."""
    end, count = time.perf_counter() + seconds, 0

    async def keep_taking() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await take()
            count += 1

    await asyncio.gather(*(keep_taking() for _ in range(TASKS)))
    return count / seconds
