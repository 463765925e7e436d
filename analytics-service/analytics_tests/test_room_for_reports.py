"""What Redis keeps is bounded, however many different questions are asked."""

import asyncio
from time import monotonic

import pytest

from analytics_service.cache.freshness import Lives
from analytics_service.cache.key import ReportKey
from analytics_service.cache.lock import ReportLock
from analytics_service.cache.redis import RedisReportStore
from analytics_service.cache.room import ROOM_BYTES, SIZES, SUM
from analytics_service.contracts.question import ReportQuery
from analytics_service.metrics_client.facts import State
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.parts import KEYS, NOW, a_report, redis_client
from shared.contracts.thresholds import ThresholdProfile
from shared.testing.redis import RedisServer

QUESTIONS = 100_000
BOUND_BYTES = 32 * 1024 * 1024
AT_ONCE = 50
LIVES = Lives(300, 15, 300)


def question(number: int) -> tuple[ReportKey, ReportQuery]:
    query = ReportQuery(model_name=f"model-{number}")
    return KEYS.key(State(query, numbers(), ThresholdProfile())), query


class Asker:
    """Does with each question what a report that is made does."""

    def __init__(self, lock: ReportLock, cache: RedisReportStore) -> None:
        self.lock, self.cache = lock, cache

    async def ask(self, number: int) -> None:
        key, query = question(number)
        lease = await self.lock.try_acquire(key)
        assert lease is not None
        assert await self.cache.store(key, query, a_report(NOW), lease.fence)
        await self.lock.release(lease)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_questions_take_no_more_than_32_mb(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        cache = RedisReportStore(redis, LIVES, monotonic)
        asker = Asker(ReportLock(redis, monotonic), cache)
        most = 0
        for first in range(0, QUESTIONS, AT_ONCE):
            await asyncio.gather(*(asker.ask(number) for number in range(first, first + AT_ONCE)))
            if first % 1000 == 0:
                most = max(most, (await redis.info("memory"))["used_memory"])
        print(f"at most {most / 2**20:.1f} MB, {await redis.dbsize()} keys")
        assert most < BOUND_BYTES
        assert int(await redis.get(SUM)) <= ROOM_BYTES
        newest, _ = question(QUESTIONS - 1)
        oldest, _ = question(0)
        assert await cache.find(newest) is not None
        assert await cache.find_last(newest.query_digest) is not None
        assert await cache.find(oldest) is None
        assert await cache.find_last(oldest.query_digest) is None


async def test_the_oldest_makes_way_and_what_is_stored_again_counts_once(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        cache = RedisReportStore(redis, LIVES, monotonic, room_bytes=25_000)
        asker = Asker(ReportLock(redis, monotonic), cache)
        for _ in range(10):
            await asker.ask(1)
        assert await redis.hlen(SIZES) == 2
        assert int(await redis.get(SUM)) == sum(map(int, (await redis.hgetall(SIZES)).values()))
        for number in range(2, 20):
            await asker.ask(number)
        kept = [number for number in range(1, 20) if await cache.find(question(number)[0])]
        assert kept == list(range(20 - len(kept), 20))
        assert 2 <= len(kept) < 10
        assert int(await redis.get(SUM)) <= 25_000
        names = {str(name).split(":")[1] for name in await redis.keys("analysis:*")}
        assert names == {"report", "last", "fence", "kept"}
        assert len(await redis.keys("analysis:fence:*")) == len(kept)


async def test_a_report_that_is_larger_than_all_the_room_is_not_kept(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        cache = RedisReportStore(redis, LIVES, monotonic, room_bytes=100)
        await Asker(ReportLock(redis, monotonic), cache).ask(1)
        assert await cache.find(question(1)[0]) is None
        assert await redis.get(SUM) == "0"


async def test_clearing_forgets_the_sizes_too(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        cache = RedisReportStore(redis, LIVES, monotonic)
        await Asker(ReportLock(redis, monotonic), cache).ask(1)
        assert await cache.clear() == 1
        assert await redis.exists(SIZES, SUM) == 0
