"""Parts of the service on a real Redis, for tests of one part alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

from redis.asyncio import Redis

from analytics_service.cache.client import connect
from analytics_service.cache.key import ReportKey
from analytics_service.cache.lock import Lease
from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.report import Findings, PerformanceReport
from analytics_service.deadline import Deadline
from analytics_service.gemini.prompt import PROMPT_VERSION
from analytics_service.metrics_client.facts import Facts, State
from analytics_service.reports.key import ReportKeys
from analytics_service.settings import Settings
from analytics_service.testing.gemini_emulator import FINDINGS
from analytics_service.testing.metrics_emulator import metrics as numbers
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.thresholds import ThresholdProfile
from shared.testing.redis import RedisServer

KEYS = ReportKeys("gemini-2.5-flash-lite", PROMPT_VERSION)
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@asynccontextmanager
async def redis_client(server: RedisServer) -> AsyncIterator[Redis]:
    settings = Settings(
        _env_file=None,
        redis_host="127.0.0.1",
        redis_port=server.port,
        redis_password=server.password,
        redis_timeout_seconds=10,  # what is tested is not how busy the machine is
    )
    redis = connect(settings)
    try:
        yield redis
    finally:
        await redis.aclose()


def facts_of(now: AggregatedMetrics | None = None, before: AggregatedMetrics | None = None, **more: object) -> Facts:
    return Facts(State(ReportQuery(), now or numbers(), ThresholdProfile()), before, **more)


def key_of(minutes: int = 60) -> ReportKey:
    return KEYS.key(State(ReportQuery(time_window_minutes=minutes), numbers(), ThresholdProfile()))


def a_report(now: datetime = NOW) -> PerformanceReport:
    return PerformanceReport.of(Findings(**FINDINGS), numbers(), now)


def a_lease(seconds: float = 60) -> Lease:
    return Lease(key_of(), 1, monotonic() + seconds, monotonic, "token")


def a_deadline(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, monotonic)
