"""How many limit decisions a second: ours on Postgres, and what others decide with?

Every one of them decides for 2,000 clients at 60 requests a minute, from one process, 64 callers at a time (threads for
pyrate-limiter, which is synchronous: at its best of 1, 4 and 16).
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable

import asyncpg
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from psycopg_pool import ConnectionPool
from pyrate_limiter import Duration, PostgresBucket, Rate, RateItem

from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.stores import postgres_and_redis
from benchmarks.harness.turns import Sample, samples
from benchmarks.options import Options
from gateway.limit.postgres import PostgresLimiter
from gateway.limit.window import Policy, Window
from gateway.request.route_class import RouteClass
from shared.database.connection import Connector
from shared.testing.postgres import Database
from shared.testing.redis import RedisServer

TITLE = "Limiter"
CALLERS, CLIENTS = 64, 2000
QUOTA, WINDOW_SECONDS = 60, 60
OURS = "this limiter, Postgres"
PYRATE, LIMITS, TUTORIAL = "pyrate-limiter, Postgres", "limits' moving window, Redis", "delete, count, insert, Postgres"
WANTED = {PYRATE: 10.0, LIMITS: 2.5}

Decide = Callable[[str], Awaitable[object]]


def run(options: Options) -> Result:
    """Decisions a second of each, in turns."""
    seconds = options.of(2)
    with postgres_and_redis(options.folder / "limiter") as (postgres, redis):
        database = asyncio.run(postgres.make_database())
        rates = samples(
            {
                OURS: lambda: asyncio.run(ours(database, seconds)),
                PYRATE: lambda: pyrate_on_postgres(database, seconds),
                LIMITS: lambda: asyncio.run(limits_on_redis(redis, seconds)),
                TUTORIAL: lambda: asyncio.run(tutorial_on_postgres(database, seconds)),
            },
            options.short_turns,
        )
    ratios = {name: rates[OURS].over(rate) for name, rate in rates.items()}
    rows: list[list[str | Sample]] = [
        [name, rate, ratios[name] if name != OURS else ""] for name, rate in rates.items()
    ]
    return Result(
        TITLE,
        bars=[
            bar("gateway", f"limit decisions/s, to {name}", "at least", least, "×", ratios[name])
            for name, least in WANTED.items()
        ],
        tables=[Table("", ["limiter", "decisions/s", "this one is so many times as fast"], rows)],
    )


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
    policy = Policy((Window(QUOTA, WINDOW_SECONDS),))
    async with PostgresLimiter(Connector(database.url("gateway"), "benchmark"), policy) as limiter:
        while not limiter.available:
            await asyncio.sleep(0.01)
        return await rate(lambda client: limiter.decide(client, RouteClass.PREDICT), seconds)


async def limits_on_redis(server: RedisServer, seconds: float) -> float:
    """`limits`, moving window, over redis-py."""
    url = f"async+redis://:{server.password}@127.0.0.1:{server.port}"
    window = MovingWindowRateLimiter(RedisStorage(url, implementation="redispy"))
    item = RateLimitItemPerMinute(QUOTA)
    return await rate(lambda client: window.hit(item, client), seconds)


def pyrate_on_postgres(database: Database, seconds: float) -> float:
    """pyrate-limiter; a bucket is one client's, so each thread has one of its own."""
    return max(pyrate_threads(database, threads, seconds / 2) for threads in (1, 4, 16))


def pyrate_threads(database: Database, threads: int, seconds: float) -> float:
    """Decisions per second over so many threads."""
    url = database.url().get_secret_value()
    counts = [0] * threads
    with ConnectionPool(url, min_size=threads, max_size=threads) as pool:
        rates = [Rate(QUOTA, Duration.SECOND * WINDOW_SECONDS)]
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


async def tutorial_on_postgres(database: Database, seconds: float) -> float:
    """A row for each request, as tutorials show it; two requests at once may both be the last that fits."""
    async with asyncpg.create_pool(database.url().get_secret_value(), min_size=10, max_size=10) as pool:
        await pool.execute("CREATE TABLE IF NOT EXISTS request (client text NOT NULL, at timestamptz NOT NULL)")
        await pool.execute("CREATE INDEX IF NOT EXISTS request_client_at ON request (client, at)")

        async def decide(client: str) -> bool:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    "DELETE FROM request WHERE client = $1 AND at < now() - interval '60 seconds'", client
                )
                used = await connection.fetchval("SELECT count(*) FROM request WHERE client = $1", client)
                if used < QUOTA:
                    await connection.execute("INSERT INTO request VALUES ($1, now())", client)
                return bool(used < QUOTA)

        return await rate(decide, seconds)
