"""Redis or the metrics-service away: an honest answer, and everything as before when they are back."""

import asyncio

import pytest

from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.service import analyze, client_of, settings_for
from shared.contracts.thresholds import Status
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer


async def test_without_redis_no_call_leaves_and_rules_report(
    own_redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    own_redis.kill()
    async with client_of(settings_for(own_redis, metrics, gemini)) as client:
        answers = await asyncio.gather(*(analyze(client) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["fallback_reason"] for answer in answers} == {"redis_away"}
    assert not gemini.calls


async def test_redis_goes_and_the_last_report_is_answered_stale_until_it_is_back(
    own_redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(own_redis, metrics, gemini)) as client:
        await analyze(client)
        own_redis.kill()
        stale = await analyze(client)
        assert (stale.headers["x-cache"], stale.json()["summary"]) == ("STALE", FINDINGS["summary"])
        metrics.now = numbers(status=Status.WARNING)
        assert (await analyze(client)).json()["fallback_reason"] == "redis_away"
        assert len(gemini.calls) == 1
        own_redis.start_and_wait()
        back = await analyze(client)
        assert (back.headers["x-cache"], back.json()["source"]) == ("MISS", "gemini")
        assert (await analyze(client)).headers["x-cache"] == "HIT"
    assert len(gemini.calls) == 2


async def test_a_redis_that_stands_still_is_as_good_as_away(
    own_redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(own_redis, metrics, gemini)) as client:
        await analyze(client)
        own_redis.pause()
        try:
            answer = await analyze(client)
        finally:
            own_redis.resume()
        assert answer.headers["x-cache"] == "STALE"
        assert (await analyze(client)).headers["x-cache"] == "HIT"


async def test_without_redis_operators_get_a_503_and_health_is_degraded(
    own_redis: RedisServer, metrics: MetricsEmulator
) -> None:
    async with client_of(settings_for(own_redis, metrics)) as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        own_redis.kill()
        for request in (("GET", "/analyze/quota"), ("GET", "/analyze/cache"), ("DELETE", "/analyze/cache")):
            answer = await client.request(*request, headers=ADMIN)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem-type:cache-away")
        health = await client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["components"]["redis"]["status"] == "down"


@pytest.mark.parametrize("fault", ["gone", "failing"])
async def test_without_metrics_there_is_a_503_that_says_so(
    redis_server: RedisServer, metrics: MetricsEmulator, fault: str
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        if fault == "gone":
            metrics.stop()
        else:
            metrics.fails_with = 500
        answer = await analyze(client)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:problem-type:metrics-away"
    assert answer.headers["retry-after"] == "2"


async def test_without_metrics_the_last_report_of_any_replica_is_answered_stale(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    settings = settings_for(redis_server, metrics, gemini)
    async with client_of(settings) as one, client_of(settings) as other:
        await analyze(one)
        metrics.stop()
        answers = [await analyze(client) for client in (one, other)]
        unknown = await analyze(one, time_window_minutes=5)
        metrics.start()
        assert (await analyze(other)).headers["x-cache"] == "HIT"
    assert {answer.headers["x-cache"] for answer in answers} == {"STALE"}
    assert {answer.json()["summary"] for answer in answers} == {FINDINGS["summary"]}
    assert unknown.status_code == 503


async def test_without_metrics_and_without_redis_this_process_still_has_its_last_report(
    own_redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(own_redis, metrics, gemini)) as client:
        await analyze(client)
        own_redis.kill()
        metrics.stop()
        answer = await analyze(client)
    assert (answer.headers["x-cache"], answer.json()["source"]) == ("STALE", "gemini")
