"""What does a limit decision cost: ours on Postgres, and what others decide with?

Every one of them decides for 2,000 clients at 60 requests a minute, from one process, 64 callers at a time (threads for
pyrate-limiter, which is synchronous: 1, 4 and 16 of them).
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from psycopg_pool import ConnectionPool
from pyrate_limiter import Duration, PostgresBucket, Rate, RateItem

from benchmarks.contestants import here_and, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.report import Result, bar
from benchmarks.harness.stores import postgres_and_redis
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
PYRATE_THREADS = (1, 4, 16)
WANTED = {PYRATE: 0.1, LIMITS: 0.4}
"""At most so many times what the cheapest of them takes."""

Decide = Callable[[str], Awaitable[object]]


def run(options: Options) -> Result:
    """Processor time of a decision: of this process and of the store."""
    with postgres_and_redis(options.folder / "limiter") as (postgres, redis):
        database, spent = asyncio.run(postgres.make_database()), here_and(Postgres=postgres, Redis=redis)

        def deciding(decide: Callable[[float], int]) -> Contestant:
            return Contestant(decide, spent)

        duels = contest(
            deciding(lambda seconds: asyncio.run(ours(database, seconds))),
            {
                **{f"{PYRATE}, {threads} threads": deciding(partial(pyrate_on_postgres, database, threads))
                   for threads in PYRATE_THREADS},
                LIMITS: deciding(lambda seconds: asyncio.run(limits_on_redis(redis, seconds))),
                TUTORIAL: deciding(lambda seconds: asyncio.run(tutorial_on_postgres(database, seconds))),
            },
            options.pairs, options.of(1),
        )  # fmt: skip
    found = Result(TITLE, tables=[table("A decision", OURS, duels, CALLERS)])
    for name, most in WANTED.items():
        cheapest = min(
            (duel for title, duel in duels.items() if title.startswith(name)), key=lambda duel: duel.others.middle
        )
        what = f"processor time of a limit decision, to {name}"
        found.bars.append(bar("gateway", what, "at most", most, "×", cheapest.ratio()))
    return found


async def decisions(decide: Decide, seconds: float) -> int:
    """How many over CALLERS tasks."""
    names = (f"client-{number % CLIENTS}" for number in itertools.count())
    end, count = time.perf_counter() + seconds, 0

    async def keep_asking() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await decide(next(names))
            count += 1

    await asyncio.gather(*(keep_asking() for _ in range(CALLERS)))
    return count


async def ours(database: Database, seconds: float) -> int:
    """This project's limiter."""
    policy = Policy((Window(QUOTA, WINDOW_SECONDS),))
    async with PostgresLimiter(Connector(database.url("gateway"), "benchmark"), policy) as limiter:
        while not limiter.available:
            await asyncio.sleep(0.01)
        return await decisions(lambda client: limiter.decide(client, RouteClass.PREDICT), seconds)


async def limits_on_redis(server: RedisServer, seconds: float) -> int:
    """`limits`, moving window, over redis-py."""
    url = f"async+redis://:{server.password}@127.0.0.1:{server.port}"
    window = MovingWindowRateLimiter(RedisStorage(url, implementation="redispy"))
    item = RateLimitItemPerMinute(QUOTA)
    return await decisions(lambda client: window.hit(item, client), seconds)


def pyrate_on_postgres(database: Database, threads: int, seconds: float) -> int:
    """pyrate-limiter; a bucket is one client's, so each thread has one of its own."""
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
    return sum(counts)


async def tutorial_on_postgres(database: Database, seconds: float) -> int:
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

        return await decisions(decide, seconds)
