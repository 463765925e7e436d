"""The store of reports with and without Redis: what is found, what is kept, and what nobody is given later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from analytics_service.cache.border import RedisUnavailable
from analytics_service.cache.failover import FailoverReportStore
from analytics_service.cache.freshness import OF_THIS_MOMENT, Lives, StoredReport
from analytics_service.cache.key import ReportKey
from analytics_service.cache.local import REPORTS_REMEMBERED, LocalReportStore
from analytics_service.cache.redis import RedisReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import Findings, PerformanceReport
from analytics_service.testing.gemini_emulator import FINDINGS
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.parts import NOW, a_report, key_of, redis_client
from shared.testing.clock import ManualClock
from shared.testing.redis import RedisServer

KEY, QUERY = key_of(), ReportQuery()
FENCE = 1
ANOTHER_STATE = ReportKey(KEY.query_digest, "another state")


@dataclass
class Shelf:
    """A store on a Redis that this test alone stops."""

    store: FailoverReportStore
    shared: RedisReportStore
    local: LocalReportStore
    clock: ManualClock
    server: RedisServer
    redis: Redis


@pytest.fixture
async def shelf(own_redis: RedisServer) -> AsyncIterator[Shelf]:
    clock = ManualClock()
    async with redis_client(own_redis) as redis:
        shared, local = RedisReportStore(redis, Lives(300, 15, 100), clock), LocalReportStore(clock)
        yield Shelf(FailoverReportStore(shared, local, clock), shared, local, clock, own_redis, redis)


def by_rules(reason: FallbackReason) -> PerformanceReport:
    return PerformanceReport.of(Findings(**FINDINGS), numbers(), NOW, reason)


async def test_what_was_put_is_found_as_it_was_sent_without_reading_it_back(shelf: Shelf) -> None:
    put = await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    found = await shelf.store.find(KEY)
    assert isinstance(found, StoredReport)
    assert (found.body, found.report) == (put.body, put.report)
    assert found.fresh_until - found.stored_at == pytest.approx(put.fresh_until - put.stored_at) == 300
    assert found.gone_at - found.stored_at == pytest.approx(put.gone_at - put.stored_at) == 400
    assert found.renewable


async def test_a_report_is_fresh_then_stale_then_gone(shelf: Shelf) -> None:
    put = await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    seen = []
    for seconds in (0, 299, 2, 98, 2):
        shelf.clock.advance(seconds)
        now = shelf.clock()
        seen.append((put.is_fresh(now), put.is_stale(now)))
    assert seen == [(True, False), (True, False), (False, True), (False, True), (False, False)]


async def test_the_last_report_outlives_the_state_it_was_about_by_its_own_life(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    await shelf.redis.pexpire(KEY.last, (86_400 - 1000) * 1000)
    last = await shelf.store.find_last(KEY.query_digest)
    assert last is not None
    assert last.age_seconds(shelf.clock()) in range(1000, 1010)


async def test_without_redis_the_same_state_is_stale_for_as_long_as_it_takes_and_not_made_anew(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    shelf.server.kill()
    shelf.clock.advance(100_000)
    found = await shelf.store.find(KEY)
    assert isinstance(found, StoredReport)
    now = shelf.clock()
    assert (found.is_fresh(now), found.is_stale(now), found.renewable) == (False, True, False)
    assert found.age_seconds(now) == 100_000


async def test_without_redis_another_state_and_rules_reports_are_a_reason(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    shelf.server.kill()
    assert await shelf.store.find(ANOTHER_STATE) is FallbackReason.REDIS_AWAY
    assert await shelf.store.find_fresh(KEY) is FallbackReason.REDIS_AWAY
    await shelf.store.put(KEY, QUERY, by_rules(FallbackReason.DEADLINE), FENCE)
    assert await shelf.store.find(KEY) is FallbackReason.REDIS_AWAY


async def test_without_redis_the_last_report_is_that_of_this_process(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    shelf.server.kill()
    last = await shelf.store.find_last(ANOTHER_STATE.query_digest)
    assert last is not None
    assert last.report == a_report()
    assert await shelf.store.find_last(key_of(5).query_digest) is None


async def test_what_redis_could_not_take_serves_those_who_wait_and_this_process(shelf: Shelf) -> None:
    shelf.server.kill()
    put = await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    assert not put.is_fresh(shelf.clock())
    assert isinstance(await shelf.store.find(KEY), StoredReport)
    shelf.server.start_and_wait()
    assert await shelf.store.find(KEY) is None


async def test_what_another_process_made_meanwhile_is_remembered_too(shelf: Shelf) -> None:
    assert await shelf.store.find_fresh(KEY) is None
    await shelf.shared.put(KEY, QUERY, a_report(), FENCE)
    assert isinstance(await shelf.store.find_fresh(KEY), StoredReport)
    shelf.server.kill()
    assert isinstance(await shelf.store.find(KEY), StoredReport)


@pytest.mark.parametrize("reason", sorted(OF_THIS_MOMENT))
async def test_a_report_of_this_moment_is_kept_nowhere(shelf: Shelf, reason: FallbackReason) -> None:
    put = await shelf.store.put(KEY, QUERY, by_rules(reason), FENCE)
    assert put.report.fallback_reason is reason
    assert await shelf.store.find(KEY) is None
    assert await shelf.store.find_last(KEY.query_digest) is None


async def test_who_never_led_gives_the_others_nothing(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, by_rules(FallbackReason.DEADLINE), None)
    assert await shelf.shared.find(KEY) is None
    assert await shelf.shared.find_last(KEY.query_digest) is None
    assert await shelf.store.find_last(KEY.query_digest) is not None


async def test_who_was_succeeded_gives_the_others_nothing(shelf: Shelf) -> None:
    await shelf.redis.set(KEY.fence, FENCE + 1)
    put = await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    assert not put.is_fresh(shelf.clock())
    assert await shelf.shared.find(KEY) is None


async def test_clearing_reaches_both_and_without_redis_says_that_it_cannot(shelf: Shelf) -> None:
    await shelf.store.put(KEY, QUERY, a_report(), FENCE)
    assert await shelf.store.clear() == 1
    assert await shelf.local.find_last(KEY.query_digest) is None
    assert await shelf.store.find(KEY) is None
    shelf.server.kill()
    with pytest.raises(RedisUnavailable) as unavailable:
        await shelf.store.clear()
    assert (unavailable.value.status, unavailable.value.trouble) == (503, "not reachable")


async def test_this_process_remembers_the_queries_asked_last() -> None:
    local = LocalReportStore(ManualClock())
    keys = [ReportKey(f"query {number}", "state") for number in range(REPORTS_REMEMBERED + 1)]
    for key in keys:
        await local.put(key, QUERY, a_report(), None)
    assert await local.find_last(keys[0].query_digest) is None
    assert await local.find_last(keys[1].query_digest) is not None
    assert await local.clear() == REPORTS_REMEMBERED
