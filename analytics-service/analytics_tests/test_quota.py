"""How many calls may leave, over all replicas, on Redis's clock."""

import asyncio

import pytest

from analytics_service.gemini.quota import CALLS, GATE, CallQuota, QuotaExhaustedError
from analytics_service.testing.gemini_emulator import GeminiEmulator, rate_limited
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.parts import redis_client
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer


async def taken(quota: CallQuota) -> bool:
    try:
        await quota.take()
    except QuotaExhaustedError:
        return False
    return True


async def test_of_many_at_once_over_several_replicas_exactly_the_limit_gets_through(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as one, redis_client(redis_server) as other:
        quotas = [CallQuota(one, limit=10), CallQuota(other, limit=10)]
        outcomes = await asyncio.gather(*(taken(quota) for quota in quotas for _ in range(100)))
    assert sum(outcomes) == 10


async def test_in_no_window_more_than_the_limit_leaves_and_who_waits_as_told_is_let_through(
    redis_server: RedisServer,
) -> None:
    leaving: list[int] = []  # microseconds of Redis's clock
    async with redis_client(redis_server) as redis:
        quota = CallQuota(redis, limit=3, window_seconds=1)
        while len(leaving) < 9:
            try:
                await quota.take()
            except QuotaExhaustedError as exhausted:
                await asyncio.sleep(exhausted.retry_after_seconds)
                assert await taken(quota)
            leaving.append(int(await redis.lindex(CALLS, 0)))
    for first, fourth in zip(leaving, leaving[3:], strict=False):
        assert fourth - first >= 1_000_000


async def test_the_state_is_bounded_and_goes_away_by_itself(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        quota = CallQuota(redis, limit=5)
        for _ in range(20):
            await taken(quota)
        assert await redis.llen(CALLS) == 5
        assert 0 < await redis.pttl(CALLS) <= 60_000


async def test_a_closed_gate_lets_nothing_out_and_is_never_opened_early(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        quota = CallQuota(redis, limit=5)
        await quota.close(30)
        await quota.close(1)
        with pytest.raises(QuotaExhaustedError) as refused:
            await quota.take()
        assert 29 < refused.value.retry_after_seconds <= 30
        usage = await quota.usage()
        assert (usage.used, usage.remaining) == (0, 0)
        await redis.delete(GATE)
        assert await taken(quota)


async def test_usage_says_what_is_left_and_when_there_is_more(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        quota = CallQuota(redis, limit=5)
        empty = await quota.usage()
        assert (empty.used, empty.remaining, empty.next_free_in_seconds) == (0, 5, None)
        await quota.take()
        await quota.take()
        usage = await quota.usage()
    assert (usage.used, usage.remaining, usage.closed_for_seconds) == (2, 3, 0)
    assert usage.next_free_in_seconds is not None
    assert 59 < usage.next_free_in_seconds <= 60


async def test_with_the_quota_used_up_rules_report(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini, gemini_rate_limit=1)) as client:
        assert (await analyze(client, time_window_minutes=1)).json()["source"] == "gemini"
        refused = await analyze(client, time_window_minutes=2)
        answer = (await client.get("/analyze/quota", headers=ADMIN)).json()
    assert refused.json()["fallback_reason"] == "quota_exhausted"
    assert len(gemini.calls) == 1
    assert (answer["quota"]["limit"], answer["quota"]["used"], answer["quota"]["remaining"]) == (1, 1, 0)


async def test_when_gemini_says_how_long_to_wait_no_call_leaves_until_then(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(rate_limited("17s"))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        first = await analyze(client, time_window_minutes=1)
        second = await analyze(client, time_window_minutes=2)
        answer = (await client.get("/analyze/quota", headers=ADMIN)).json()
    assert first.json()["fallback_reason"] == "gemini_rate_limited"
    assert second.json()["fallback_reason"] == "gemini_rate_limited"
    assert len(gemini.calls) == 1
    assert 16 < answer["quota"]["closed_for_seconds"] <= 17


async def test_a_429_without_a_delay_closes_nothing(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(rate_limited())
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        for minutes in (1, 2):
            answer = await analyze(client, time_window_minutes=minutes)
            assert answer.json()["fallback_reason"] == "gemini_rate_limited"
    assert len(gemini.calls) == 2


@pytest.mark.parametrize(
    ("noted", "reason"),
    [
        ("gemini_daily_quota", "gemini_daily_quota"),
        ("closed", "gemini_rate_limited"),
        ("of 2031", "gemini_rate_limited"),
    ],
)
async def test_whatever_an_older_or_newer_replica_noted_at_the_gate_is_told_as_a_limit_of_geminis(
    redis_server: RedisServer, noted: str, reason: str
) -> None:
    async with redis_client(redis_server) as redis:
        await redis.set(GATE, noted, px=5000)
        with pytest.raises(QuotaExhaustedError) as refused:
            await CallQuota(redis, limit=5).take()
    assert refused.value.reason == reason
    assert 0 < refused.value.retry_after_seconds <= 5
