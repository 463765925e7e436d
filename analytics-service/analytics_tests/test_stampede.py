"""However many ask at once, one call leaves, and nobody's report is lost when callers or holders go."""

import asyncio

from analytics_service.cache.freshness import Lives
from analytics_service.cache.lock import ReportLock
from analytics_service.cache.redis import RedisReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.reports.single_flight import SingleFlight
from analytics_service.testing.gemini_emulator import GeminiEmulator, failing, slow
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.parts import a_report, key_of, redis_client
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.clock import ManualClock
from shared.testing.redis import RedisServer


async def test_fifty_callers_of_two_replicas_cost_one_call_and_get_one_report(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(slow(0.5))
    settings = settings_for(redis_server, metrics, gemini)
    async with client_of(settings) as one, client_of(settings) as other:
        answers = await asyncio.gather(*(analyze(client) for client in (one, other) for _ in range(25)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(gemini.calls) == 1


async def test_a_failure_is_shared_as_well(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(slow(0.3, failing(400, "INVALID_ARGUMENT")))
    settings = settings_for(redis_server, metrics, gemini)
    async with client_of(settings) as one, client_of(settings) as other:
        answers = await asyncio.gather(*(analyze(client) for client in (one, other) for _ in range(25)))
    assert {answer.json()["fallback_reason"] for answer in answers} == {"gemini_request_invalid"}
    assert len(gemini.calls) == 1


async def test_a_caller_that_leaves_does_not_end_the_work_for_the_others(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(slow(0.5))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        first = asyncio.create_task(analyze(client))
        while not gemini.calls:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(analyze(client))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).json()["source"] == "gemini"
    assert len(gemini.calls) == 1


async def test_a_flight_that_fails_fails_for_all_and_the_next_one_starts_anew() -> None:
    flights: SingleFlight[int] = SingleFlight()
    outcomes = iter([RuntimeError("broken"), 7])

    async def work() -> int:
        await asyncio.sleep(0)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    both = await asyncio.gather(flights.join("key", work), flights.join("key", work), return_exceptions=True)
    assert [str(error) for error in both] == ["broken", "broken"]
    assert await flights.join("key", work) == 7
    assert not flights.flights


async def test_a_holder_that_died_is_followed_by_exactly_one_other(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    settings = settings_for(redis_server, metrics, gemini)
    gemini.behave(slow(0.3))
    with redis_server.client() as behind:
        behind.set(key_of().lock, "a process that is dead", px=700)
    async with client_of(settings) as one, client_of(settings) as other:
        answers = await asyncio.gather(*(analyze(client) for client in (one, other) for _ in range(10)))
    assert {answer.json()["source"] for answer in answers} == {"gemini"}
    assert len(gemini.calls) == 1


async def test_whoever_waits_too_long_gets_rules_and_makes_no_call(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    with redis_server.client() as behind:
        behind.set(key_of().lock, "a process that is very slow", px=60_000)
    async with client_of(settings_for(redis_server, metrics, gemini, analysis_deadline=2)) as client:
        answer = await analyze(client)
    assert answer.json()["fallback_reason"] == "deadline"
    assert not gemini.calls


async def test_a_waiter_hears_at_once_that_the_lock_is_free(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        lock = ReportLock(redis, asyncio.get_running_loop().time)
        lease = await lock.try_acquire(key_of())
        assert lease is not None
        assert await lock.try_acquire(key_of()) is None
        async with lock.waiting(key_of()) as waiter:
            heard = asyncio.create_task(waiter.wait())
            async with lock.holding(lease):
                pass
            await asyncio.wait_for(heard, 0.4)  # the poll alone would take longer
        assert await lock.try_acquire(key_of()) is not None


async def test_a_lease_is_renewed_while_the_work_goes_on_and_no_longer(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        lock = ReportLock(redis, asyncio.get_running_loop().time, lease_seconds=0.4)
        lease = await lock.try_acquire(key_of())
        assert lease is not None
        async with lock.holding(lease):
            await asyncio.sleep(0.8)
            assert lease.is_held
            assert await lock.try_acquire(key_of()) is None
        assert not lease.is_held
        assert await redis.exists(key_of().lock) == 0


async def test_who_lost_the_lock_can_neither_free_it_nor_write(redis_server: RedisServer) -> None:
    clock = ManualClock()
    async with redis_client(redis_server) as redis:
        lock, cache = ReportLock(redis, clock), RedisReportStore(redis, Lives(300, 15, 300), clock)
        sleeper = await lock.try_acquire(key_of())
        assert sleeper is not None
        await redis.delete(key_of().lock)  # its lease ran out
        successor = await lock.try_acquire(key_of())
        assert successor is not None
        await lock.renew(sleeper)
        assert not sleeper.is_held
        await lock.release(sleeper)
        assert await redis.exists(key_of().lock) == 1
        assert not await cache.store(key_of(), ReportQuery(), a_report(), sleeper.fence)
        assert await cache.find(key_of()) is None
        assert await cache.store(key_of(), ReportQuery(), a_report(), successor.fence)
        assert await cache.find(key_of()) is not None


async def test_a_lease_that_was_not_renewed_in_time_counts_as_lost(redis_server: RedisServer) -> None:
    clock = ManualClock()
    async with redis_client(redis_server) as redis:
        lease = await ReportLock(redis, clock).try_acquire(key_of())
    assert lease is not None
    clock.advance(3.9)
    assert lease.is_held
    clock.advance(0.2)
    assert not lease.is_held
