"""The quota script against the moving window of the `limits` package, both through redis-py on one Redis.

    pip install limits   # not part of the product
    python benchmarks/analytics_quota.py [--seconds 3]

Each takes a call and counts it, over 32 tasks: once with room for all, once with nearly all refused. In turns, so that
a machine that slows down meanwhile slows both. Exit code 1 when ours reaches less than 0.8 of the other's rate.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis

from analytics_service.quota import CallQuota, QuotaExhausted
from shared.testing.redis import RedisServer

TASKS, TURNS = 32, 5
LEAST_RATIO = 0.8
LIMITS = {"nearly all refused": 10, "room for all": 100_000}

Take = Callable[[], Awaitable[object]]


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


async def compare(server: RedisServer, limit: int, seconds: float) -> float:
    """Our rate in units of theirs, the median of some turns."""
    async with Redis(port=server.port, password=server.password, decode_responses=True) as redis:
        quota = CallQuota(redis, limit)
        storage = RedisStorage(f"async+redis://:{server.password}@127.0.0.1:{server.port}", implementation="redispy")
        window, item = MovingWindowRateLimiter(storage), RateLimitItemPerMinute(limit)

        async def ours() -> None:
            with contextlib.suppress(QuotaExhausted):
                await quota.take()

        async def theirs() -> None:
            await window.hit(item, "gemini")

        ratios = []
        for _ in range(TURNS):
            await redis.flushall()
            mine = await rate(ours, seconds / TURNS)
            await redis.flushall()
            other = await rate(theirs, seconds / TURNS)
            print(f"    quota {mine:7.0f}/s   limits {other:7.0f}/s")
            ratios.append(mine / other)
        return statistics.median(ratios)


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=3, help="of each measurement")
    seconds = arguments.parse_args().seconds
    good = True
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start_and_wait()
        try:
            for name, limit in LIMITS.items():
                print(name)
                ratio = asyncio.run(compare(server, limit, seconds))
                print(f"    ratio {ratio:.2f}   wanted: ≥ {LEAST_RATIO}   {'ok' if ratio >= LEAST_RATIO else 'MISSED'}")
                good &= ratio >= LEAST_RATIO
        finally:
            server.kill()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
