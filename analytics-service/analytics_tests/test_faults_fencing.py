"""A holder of the lock that slept while another one took over does not write over its successor's report."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from redis.asyncio import Redis

from analytics_service.cache.freshness import Lives
from analytics_service.cache.lock import Lease, ReportLock
from analytics_service.cache.redis import RedisReportStore
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import Findings, PerformanceReport
from analytics_service.metrics_client.facts import State
from analytics_service.reports.key import ReportKeys
from analytics_service.testing.metrics_emulator import metrics as numbers
from shared.contracts.thresholds import ThresholdProfile
from shared.testing.redis import RedisServer

pytestmark = pytest.mark.faults

QUERY = ReportQuery()
KEY = ReportKeys("gemini", 1).key(State(QUERY, numbers(), ThresholdProfile()))


def report(summary: str) -> PerformanceReport:
    findings = Findings(summary=summary, identified_issues=[], recommendations=[], confidence_score=0.5)
    return PerformanceReport.of(findings, numbers(), datetime(2026, 1, 5, tzinfo=UTC), FallbackReason.NO_API_KEY)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test alone kills."""
    server = RedisServer(tmp_path)
    server.start_and_wait()
    yield server
    server.kill()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis(port=server.port, password=server.password, decode_responses=True) as redis:
        yield redis


async def taken(lock: ReportLock) -> Lease:
    lease = await lock.try_acquire(KEY)
    assert lease is not None
    return lease


@pytest.mark.parametrize("meanwhile", ["its lease ran out", "Redis was restarted empty"])
async def test_only_the_newest_holder_writes(server: RedisServer, redis: Redis, meanwhile: str) -> None:
    lock, cache = ReportLock(redis, monotonic), RedisReportStore(redis, Lives(300, 15, 300), monotonic)
    sleeper = await taken(lock)
    assert await lock.try_acquire(KEY) is None
    if meanwhile == "its lease ran out":
        await redis.delete(KEY.lock)
    else:
        server.kill()
        server.start_and_wait()
    successor = await taken(lock)
    assert successor.fence > sleeper.fence
    assert await cache.store(KEY, QUERY, report("the successor's"), successor.fence)
    assert not await cache.store(KEY, QUERY, report("the sleeper's"), sleeper.fence)
    cached = await cache.find(KEY)
    assert cached is not None
    assert cached.report.summary == "the successor's"
