"""Limiter decisions per second: ours on Postgres, pyrate-limiter's PostgresBucket, `limits`' moving window on Redis.

    make bench-gateway

Every one of them decides for 2,000 clients at 60 requests a minute, from one process, 64 callers at a time (threads for
pyrate-limiter, which is synchronous: at its best of 1, 4 and 16). All three take turns, so that a machine that slows
down meanwhile slows all. Exit code 1 when a wanted ratio is missed.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from psycopg_pool import ConnectionPool
from pyrate_limiter import Duration, PostgresBucket, Rate, RateItem

from gateway.limiter import Policy, Window
from gateway.postgres_limiter import PostgresLimiter
from shared.database.urls import for_asyncpg
from shared.testing.postgres import Database, PostgresServer
from shared.testing.redis import RedisServer

CALLERS, CLIENTS, TURNS = 64, 2000, 5
QUOTA, SECONDS = 60, 60
WANTED = {"pyrate-limiter, Postgres": 10.0, "limits, Redis": 2.5}

Decide = Callable[[str], Awaitable[object]]


async def rate(decide: Decide, seconds: float) -> float:
    """Decisions per second over CALLERS tasks."""
    names = (f"client-{number % CLIENTS}" for number in itertools.count())
    end, count = time.perf_counter() + seconds, 0

    async def keep_asking() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await decide(next(names))
            count += 1

    await asyncio.gather(*(keep_asking() for _ in range(CALLERS)))
    return count / seconds


async def ours(database: Database, seconds: float) -> float:
    """This project's limiter."""
    async with PostgresLimiter(for_asyncpg(database.url("gateway")), Policy((Window(QUOTA, SECONDS),))) as limiter:
        while not limiter.available:
            await asyncio.sleep(0.01)
        return await rate(limiter.decide, seconds)


async def limits_on_redis(server: RedisServer, seconds: float) -> float:
    """`limits`, moving window, over redis-py."""
    url = f"async+redis://:{server.password}@127.0.0.1:{server.port}"
    window = MovingWindowRateLimiter(RedisStorage(url, implementation="redispy"))
    item = RateLimitItemPerMinute(QUOTA)
    return await rate(lambda client: window.hit(item, client), seconds)


def pyrate_on_postgres(database: Database, seconds: float) -> float:
    """pyrate-limiter; a bucket is one client's, so each thread has a few."""
    return max(pyrate_threads(database, threads, seconds / 3) for threads in (1, 4, 16))


def pyrate_threads(database: Database, threads: int, seconds: float) -> float:
    """Decisions per second over so many threads."""
    url = database.url().get_secret_value()
    counts = [0] * threads
    with ConnectionPool(url, min_size=threads, max_size=threads) as pool:
        rates = [Rate(QUOTA, Duration.SECOND * SECONDS)]
        buckets = [PostgresBucket(pool, f"bucket_{number}", rates) for number in range(threads)]
        end = time.perf_counter() + seconds

        def keep_asking(number: int) -> None:
            bucket = buckets[number]
            while time.perf_counter() < end:
                bucket.put(RateItem("client", bucket.now()))
                counts[number] += 1

        workers = [threading.Thread(target=keep_asking, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return sum(counts) / seconds


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=3, help="of each turn")
    seconds = arguments.parse_args().seconds
    rates: dict[str, list[float]] = {"ours, Postgres": [], **{name: [] for name in WANTED}}
    with tempfile.TemporaryDirectory() as folder:
        postgres, redis = PostgresServer(Path(folder)), RedisServer(Path(folder))
        postgres.start_and_wait()
        redis.start_and_wait()
        asyncio.run(postgres.make_template())
        database = asyncio.run(postgres.make_database())
        try:
            for _ in range(TURNS):
                rates["ours, Postgres"].append(asyncio.run(ours(database, seconds)))
                rates["pyrate-limiter, Postgres"].append(pyrate_on_postgres(database, seconds))
                rates["limits, Redis"].append(asyncio.run(limits_on_redis(redis, seconds)))
        finally:
            redis.kill()
            postgres.stop_fast()
    return report(rates)


def report(rates: dict[str, list[float]]) -> int:
    """The table; the exit code."""
    mine = statistics.median(rates["ours, Postgres"])
    print("| limiter | decisions/s, median | lowest to highest | ours is | wanted |\n| --- | --- | --- | --- | --- |")
    good = True
    for name, measured in rates.items():
        middle = statistics.median(measured)
        ratio = statistics.median(own / other for own, other in zip(rates["ours, Postgres"], measured, strict=True))
        wanted = WANTED.get(name)
        good &= wanted is None or ratio >= wanted
        verdict = f"≥ {wanted:g}: {'met' if ratio >= wanted else 'MISSED'}" if wanted else ""
        compared = f"{ratio:.1f} ×" if wanted else ""
        print(f"| {name} | {middle:,.0f} | {min(measured):,.0f} to {max(measured):,.0f} | {compared} | {verdict} |")
    print(f"\n{mine:,.0f} decisions/s; {TURNS} turns of each, one after the other")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
