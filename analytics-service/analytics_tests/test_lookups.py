"""What is known before a report is answered: looked up anew, but for questions that are asked very often."""

from collections.abc import AsyncIterator

import httpx
import pytest

from analytics_service.cache.freshness import Lives
from analytics_service.cache.redis import RedisReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.metrics_client.client import MetricsClient, MetricsUnavailable
from analytics_service.reports.lookup import OFTEN, PAUSE_SECONDS, SHARED_SECONDS, Lookup, Lookups
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.parts import KEYS, redis_client
from shared.testing.clock import ManualClock
from shared.testing.redis import RedisServer

QUERY = ReportQuery()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def lookups(redis_server: RedisServer, metrics: MetricsEmulator, clock: ManualClock) -> AsyncIterator[Lookups]:
    async with httpx.AsyncClient(base_url=metrics.url) as http, redis_client(redis_server) as redis:
        cache = RedisReportStore(redis, Lives(300, 15, 300), clock)
        lookups = Lookups(MetricsClient(http, 5), cache, KEYS, clock)
        yield lookups
        await lookups.flights.stop()


async def look(lookups: Lookups) -> Lookup:
    return await lookups.look(QUERY, lookups.keys.query_digest(QUERY))


async def test_asked_now_and_then_a_question_is_looked_up_anew_each_time(
    lookups: Lookups, metrics: MetricsEmulator, clock: ManualClock
) -> None:
    for total in range(OFTEN):
        metrics.now = numbers(total=total)
        assert (await look(lookups)).state.metrics.total_predictions == total
        clock.advance(0.5)


async def test_asked_often_it_is_answered_at_once_and_looked_up_in_the_background(
    lookups: Lookups, metrics: MetricsEmulator, clock: ManualClock
) -> None:
    for _ in range(OFTEN):
        last = await look(lookups)
    assert await look(lookups) is last
    assert not lookups.flights.flights
    clock.advance(PAUSE_SECONDS * 1.1)
    assert await look(lookups) is last
    (background,) = lookups.flights.flights.values()
    anew = await background
    assert anew is not last
    assert await look(lookups) is anew


async def test_no_lookup_is_shared_for_more_than_a_second(
    lookups: Lookups, metrics: MetricsEmulator, clock: ManualClock
) -> None:
    for _ in range(OFTEN):
        last = await look(lookups)
    metrics.stop()
    for _ in range(OFTEN):
        clock.advance(SHARED_SECONDS / OFTEN * 0.9)
        assert await look(lookups) is last
    clock.advance(SHARED_SECONDS / OFTEN * 1.1)
    with pytest.raises(MetricsUnavailable):
        await look(lookups)
