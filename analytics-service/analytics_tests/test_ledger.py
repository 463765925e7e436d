"""What calls took and brought, by day."""

from datetime import timedelta

import pytest

from analytics_service.gemini.ledger import Ledger
from analytics_service.gemini.prices import Prices, PriceSource, prices_of
from analytics_service.gemini.provider import Usage
from analytics_service.testing.gemini_emulator import GeminiEmulator, blocked, failing, reporting, saying
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.parts import NOW, redis_client
from analytics_tests.service import analyze, client_of, settings_for
from analytics_tests.wire_shapes import candidate
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer

PRICES = Prices(input=0.10, output=0.40)


async def test_a_day_adds_up_calls_tokens_latencies_outcomes_and_cost(redis_server: RedisServer) -> None:
    async with redis_client(redis_server) as redis:
        ledger = Ledger(redis, PRICES, lambda: NOW)
        await ledger.record("ok", 0.8, Usage(1_000_000, 500_000))
        await ledger.record("ok", 1.2, Usage(1000, 100))
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


async def test_everything_that_is_billed_is_counted_whatever_came_of_it(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    thoughts = {"promptTokenCount": 1000, "thoughtsTokenCount": 1024, "totalTokenCount": 2024}
    withheld = candidate(finish="SAFETY", usage=thoughts)
    cut = candidate({"text": '{"summary": "Con'}, finish="MAX_TOKENS", usage=thoughts | {"candidatesTokenCount": 10})
    for minutes, behaviours in enumerate([[withheld], [cut, withheld], [saying("prose")], [failing(400)]], start=1):
        gemini.behave(*behaviours)
        async with client_of(settings_for(redis_server, metrics, gemini)) as client:
            await analyze(client, time_window_minutes=minutes)
            spent = (await client.get("/analyze/quota", headers=ADMIN)).json()
    today = spent["days"][0]
    assert today["outcomes"] == {
        "answer_blocked": 2,
        "answer_truncated": 1,
        "answer_invalid": 2,
        "gemini_request_invalid": 1,
    }
    assert (today["prompt_tokens"], today["answer_tokens"], today["thought_tokens"]) == (3800, 250, 3072)
    assert today["cost_usd"] == pytest.approx((3800 * 0.10 + (250 + 3072) * 0.40) / 1e6, abs=3e-6)
    assert spent["prices"] == {"input": 0.10, "output": 0.40, "source": "table"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-2.5-flash-lite", (0.10, 0.40)),
        ("gemini-2.5-flash-lite-preview-09-2025", (0.10, 0.40)),
        ("gemini-2.5-flash", (0.30, 2.50)),
        ("gemini-2.5-flash-001", (0.30, 2.50)),
        ("gemini-3.5-flash-lite", (0.30, 2.50)),
    ],
)
def test_a_model_has_its_list_price_whatever_follows_its_name(model: str, expected: tuple[float, float]) -> None:
    prices = prices_of(model)
    assert ((prices.input, prices.output), prices.source) == (expected, PriceSource.TABLE)


def test_a_model_that_the_list_does_not_know_is_rather_too_dear_than_too_cheap() -> None:
    unknown = prices_of("gemini-9-ultra")
    assert unknown.source is PriceSource.GUESS
    assert (unknown.input, unknown.output) == (2.0, 12.0)


def test_settings_go_before_the_list_one_by_one() -> None:
    assert prices_of("gemini-2.5-pro", 7, 8) == Prices(input=7, output=8, source=PriceSource.SETTINGS)
    assert prices_of("gemini-2.5-pro", output_price=0) == Prices(input=1.25, output=0, source=PriceSource.TABLE)
