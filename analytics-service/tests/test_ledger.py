"""What calls took and brought, by day."""

from datetime import timedelta

import pytest
from parts import NOW, redis_client
from service import ADMIN, analyze, client_of, settings_for

from analytics_service.ledger import Ledger, Prices
from analytics_service.provider import ModelAnswer
from analytics_service.testing.gemini_emulator import GeminiEmulator, blocked, reporting
from analytics_service.testing.metrics_emulator import MetricsEmulator
from shared.testing.redis import RedisServer

PRICES = Prices(prompt=0.10, answer=0.40)


async def test_a_day_adds_up_calls_tokens_latencies_outcomes_and_cost(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        ledger = Ledger(redis, PRICES, lambda: NOW)
        await ledger.record("ok", 0.8, ModelAnswer("", prompt_tokens=1_000_000, answer_tokens=500_000))
        await ledger.record("ok", 1.2, ModelAnswer("", prompt_tokens=1000, answer_tokens=100))
        await ledger.record("gemini_timeout", 10.0, None)
        today, *earlier = await ledger.days()
    assert today.day == NOW.date()
    assert (today.calls, today.outcomes) == (3, {"ok": 2, "gemini_timeout": 1})
    assert (today.prompt_tokens, today.answer_tokens) == (1_001_000, 500_100)
    assert today.cost_usd == pytest.approx(0.30014)
    assert today.average_latency_ms == 4000
    assert today.latencies == {"up_to_1s": 1, "up_to_2s": 1, "up_to_10s": 1}
    assert len(earlier) == 6
    assert {day.calls for day in earlier} == {0}


async def test_each_day_has_its_own_sums_and_goes_away_after_a_while(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        await Ledger(redis, PRICES, lambda: NOW - timedelta(days=1)).record("ok", 1, None)
        today, yesterday, *_ = await Ledger(redis, PRICES, lambda: NOW).days()
        assert (today.calls, yesterday.calls) == (0, 1)
        (name,) = await redis.keys("analysis:ledger:*")
        assert 89 * 86_400 < await redis.ttl(name) <= 90 * 86_400


async def test_operators_see_every_call_that_left(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(blocked, reporting())
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client, time_window_minutes=1)
        await analyze(client, time_window_minutes=2)
        answer = (await client.get("/analyze/quota", headers=ADMIN)).json()
    today = answer["days"][0]
    assert today["outcomes"] == {"ok": 1, "answer_blocked": 1}
    assert (today["prompt_tokens"], today["answer_tokens"]) == (400, 120)
    assert answer["circuit"] == "closed"
