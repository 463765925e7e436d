"""How many calls to Gemini may leave, over all replicas: an exact sliding window on Redis's clock.

Every call counts, retries and calls that failed too. Redis away: no call leaves.
"""

import hashlib
import math

from prometheus_client import Counter
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from analytics_service.cache.border import best_effort, redis_border, script, unless_unavailable
from analytics_service.contracts.reasons import FallbackReason

WINDOW_SECONDS = 60

CALLS, GATE = "analysis:quota:{gemini}:calls", "analysis:quota:{gemini}:gate"

MAX_GATE_SECONDS = 3600
"""However long Gemini wants us to wait, after an hour we ask again."""

REFUSALS = Counter(
    "analysis_quota_refusals", "Calls that did not leave because the quota was used up or its gate closed"
)


class QuotaUsage(BaseModel):
    """The quota at this moment."""

    limit: int = Field(description="Calls that may leave within the window")
    window_seconds: int
    used: int
    remaining: int = Field(description="Calls that may leave now")
    next_free_in_seconds: float | None = Field(
        description="When the oldest call leaves the window; null: none is in it"
    )
    closed_for_seconds: float = Field(description="Gemini said to wait (429): no call leaves for so long")


class QuotaExhaustedError(Exception):
    """No call may leave now; `retry_after_seconds` says when one may, `reason` whose limit it is."""

    def __init__(self, retry_after_seconds: float, reason: FallbackReason) -> None:
        super().__init__(f"no call for {retry_after_seconds:.1f} s: {reason}")
        self.retry_after_seconds, self.reason = retry_after_seconds, reason


class CallQuota:
    """`limit` calls in any stretch of `window_seconds`, and a gate that Gemini's own refusals close.

    No caller may take more than `share` of the limit, one call at least. Who is not known has no share of its own.
    """

    def __init__(self, redis: Redis, limit: int, window_seconds: int = WINDOW_SECONDS, *, share: float = 1.0) -> None:
        self._redis, self._limit, self._window_seconds = redis, limit, window_seconds
        self._client_limit = max(int(limit * share), 1)
        self._window_us = window_seconds * 1_000_000
        self._take_script = script(redis, "quota_take")
        self._usage_script = script(redis, "quota_usage")
        self._close_script = script(redis, "quota_close")

    async def refusal(self, caller: str | None = None) -> FallbackReason | None:
        """Takes one call, for `caller`; or says why it may not leave."""
        try:
            return await unless_unavailable(self.take(caller), FallbackReason.REDIS_AWAY)
        except QuotaExhaustedError as exhausted:
            return exhausted.reason

    async def take(self, caller: str | None = None) -> None:
        """Takes one call, for `caller`. Raises QuotaExhaustedError or RedisUnavailable."""
        keys = [CALLS, GATE] if caller is None else [CALLS, GATE, calls_of(caller)]
        with redis_border():
            wait_us, closed_for = await self._take_script(
                keys=keys, args=[self._limit, self._window_us, self._client_limit]
            )
        if wait_us:
            REFUSALS.inc()
            raise QuotaExhaustedError(int(wait_us) / 1_000_000, gate_reason(closed_for))

    async def close(self, seconds: float, reason: FallbackReason = FallbackReason.GEMINI_RATE_LIMITED) -> None:
        """Lets no call leave for so long; who is refused meanwhile is told the reason.

        Redis away: no call leaves anyway.
        """
        milliseconds = math.ceil(min(seconds, MAX_GATE_SECONDS) * 1000)
        if milliseconds > 0:
            with best_effort():
                await self._close_script(keys=[GATE], args=[milliseconds, reason.value])

    async def usage(self) -> QuotaUsage:
        """The quota at this moment. Raises RedisUnavailable."""
        with redis_border():
            used, leaves_in_us, closed_us = await self._usage_script(keys=[CALLS, GATE], args=[self._window_us])
        return QuotaUsage(
            limit=self._limit,
            window_seconds=self._window_seconds,
            used=used,
            remaining=0 if closed_us else max(self._limit - used, 0),
            next_free_in_seconds=leaves_in_us / 1_000_000 if used else None,
            closed_for_seconds=closed_us / 1_000_000,
        )


def calls_of(caller: str) -> str:
    """Where a caller's own calls are; an address is no key of its own, and is not kept as it is."""
    return f"{CALLS}:{hashlib.sha256(caller.encode()).hexdigest()[:32]}"


def gate_reason(closed_for: str) -> FallbackReason:
    """Whose limit it is: Gemini's, when its refusal closed the gate, the caller's own share, else ours."""
    if not closed_for:
        return FallbackReason.QUOTA_EXHAUSTED
    known = closed_for in set(FallbackReason)
    return FallbackReason(closed_for) if known else FallbackReason.GEMINI_RATE_LIMITED
