"""What calls to Gemini took and brought, by day: in Redis over all replicas, in Prometheus for this process.

A call counts by what Gemini says that it is billed for, whether its completion could be used or not; one that got
no response (time ran out, the connection broke) has no tokens, for nobody told us any.

Redis away: the day's line lacks the call; a report never fails because of its bookkeeping.
"""

import asyncio
from datetime import date, timedelta
from typing import cast

from prometheus_client import Counter, Histogram
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from analytics_service.cache.border import best_effort, redis_border, script
from analytics_service.gemini.prices import Prices
from analytics_service.gemini.provider import Usage
from shared.asyncio.clock import UtcNow

KEEP = timedelta(days=90)
DAYS_SHOWN = 7

MICROS = 1_000_000
"""Redis counts in whole millionths of a dollar: sums of whole numbers do not drift."""

LATENCY_BOUNDS_SECONDS = (1, 2, 5, 10)

CALLS = Counter(
    "analysis_gemini_calls", "Calls to Gemini by outcome: ok, or the reason why it brought no report", ["outcome"]
)
SECONDS = Histogram(
    "analysis_gemini_call_seconds", "Duration of calls to Gemini", buckets=(0.5, 1, 2, 3, 5, 10, 20, 30)
)
TOKENS = Counter("analysis_gemini_tokens", "Tokens by direction", ["direction"])
COST = Counter("analysis_gemini_cost_usd", "Cost by the prices in the settings")


class LedgerDay(BaseModel):
    """All calls of one day (UTC)."""

    day: date
    calls: int = 0
    outcomes: dict[str, int] = Field({}, description="Calls by how they ended: `ok`, or a `fallback_reason`")
    prompt_tokens: int = 0
    answer_tokens: int = 0
    thought_tokens: int = Field(0, description="Tokens that the model thought before answering; billed like the answer")
    cost_usd: float = 0
    average_latency_ms: float | None = None
    latencies: dict[str, int] = Field({}, description="Calls by duration, e.g. `up_to_2s`, `longer`")


class Ledger:
    """Writes each call down and adds days up."""

    def __init__(self, redis: Redis, prices: Prices, now: UtcNow) -> None:
        self._redis, self.prices, self._now = redis, prices, now
        self._record_script = script(redis, "ledger_record")

    async def record(self, outcome: str, seconds: float, usage: Usage | None) -> None:
        """One call that left; `usage`: what it is billed for, None: nobody knows."""
        used = usage or Usage()
        cost = self.prices.of(used)
        self._count(outcome, seconds, used, cost)
        name = day_name(self._now().date())
        amounts = {
            "calls": 1,
            f"outcome:{outcome}": 1,
            "latency_ms": round(seconds * 1000),
            f"latency:{latency_band(seconds)}": 1,
            "prompt_tokens": used.prompt_tokens,
            "answer_tokens": used.answer_tokens,
            "thought_tokens": used.thought_tokens,
            "cost_micro_usd": round(cost * MICROS),
        }
        with best_effort():
            words = [word for pair in amounts.items() for word in pair]
            await self._record_script(keys=[name], args=[round(KEEP.total_seconds()), *words])

    def _count(self, outcome: str, seconds: float, used: Usage, cost: float) -> None:
        """The same for Prometheus."""
        CALLS.labels(outcome).inc()
        SECONDS.observe(seconds)
        COST.inc(cost)
        TOKENS.labels("prompt").inc(used.prompt_tokens)
        TOKENS.labels("answer").inc(used.answer_tokens)
        TOKENS.labels("thoughts").inc(used.thought_tokens)

    async def days(self, count: int = DAYS_SHOWN) -> list[LedgerDay]:
        """The last days, today first. Raises RedisUnavailable."""
        today = self._now().date()
        days = [today - timedelta(days=back) for back in range(count)]
        with redis_border():
            rows = await asyncio.gather(*(self._redis.hgetall(day_name(day)) for day in days))
        return [day_of(day, cast("dict[str, str]", row)) for day, row in zip(days, rows, strict=True)]


def day_name(day: date) -> str:
    """Where a day's sums are."""
    return f"analysis:ledger:{day.isoformat()}"


def latency_band(seconds: float) -> str:
    """Which band of durations a call falls into."""
    return next((f"up_to_{bound}s" for bound in LATENCY_BOUNDS_SECONDS if seconds <= bound), "longer")


def day_of(day: date, row: dict[str, str]) -> LedgerDay:
    """The sums of one day as Redis keeps them."""
    sums = {field: int(value) for field, value in row.items()}
    calls = sums.get("calls", 0)
    return LedgerDay(
        day=day,
        calls=calls,
        outcomes=with_prefix("outcome:", sums),
        prompt_tokens=sums.get("prompt_tokens", 0),
        answer_tokens=sums.get("answer_tokens", 0),
        thought_tokens=sums.get("thought_tokens", 0),
        cost_usd=sums.get("cost_micro_usd", 0) / MICROS,
        average_latency_ms=sums.get("latency_ms", 0) / calls if calls else None,
        latencies=with_prefix("latency:", sums),
    )


def with_prefix(prefix: str, sums: dict[str, int]) -> dict[str, int]:
    """The sums whose names begin so, without that beginning."""
    return {field.removeprefix(prefix): amount for field, amount in sums.items() if field.startswith(prefix)}
