"""A provider's bad hour at 60 times its speed: a second is a minute. What callers and the on-call engineer see of it.

Run with `-s` to see the timeline.
"""

import asyncio
from dataclasses import dataclass
from itertools import groupby

import httpx
import pytest

from analytics_service.testing.gemini_emulator import Behaviour, GeminiEmulator, failing, rate_limited, reporting
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for
from analytics_tests.wire_shapes import FAILURES
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

DEADLINE_SECONDS = 5
SCALED = {
    "gemini_cache_ttl": 2,
    "gemini_stale_grace": 1,
    "rules_cache_ttl": 1,
    "analysis_deadline": DEADLINE_SECONDS,
    "gemini_timeout_seconds": 1,
    "gemini_rate_limit": 100,
}
WELL, LIMITED, KEYLESS, AWAY, BACK = "well", "rate limited", "key deleted", "overloaded", "back"
PHASES: list[tuple[str, float, Behaviour, set[str | None]]] = [
    (WELL, 6, reporting(), {None}),
    (LIMITED, 8, rate_limited("3s"), {None, "gemini_rate_limited"}),
    (KEYLESS, 8, FAILURES["bad key"].behaviour, {None, "gemini_rate_limited", "gemini_key_invalid"}),
    (AWAY, 20, failing(503, "UNAVAILABLE"), {"gemini_key_invalid", "gemini_unavailable", "circuit_open", "deadline"}),
    (BACK, 45, reporting(), {None, "gemini_unavailable", "circuit_open", "deadline"}),
]
"""What Gemini does, for how long, and which reasons are true meanwhile; reports from before are still cached."""


@dataclass(frozen=True)
class Seen:
    """One question and what came of it."""

    phase: str
    at: float
    cache: str
    source: str
    reason: str | None
    seconds: float
    health: str


async def look(client: httpx.AsyncClient, phase: str, began: float) -> Seen:
    """Asks for a report, then for health."""
    clock = asyncio.get_running_loop().time
    asked = clock()
    answer = await analyze(client)
    seconds = clock() - asked
    health = (await client.get("/health")).json()["components"]["gemini"]
    report = answer.json()
    assert answer.status_code == 200
    told = f"{health['status']}: {health['detail']}"
    return Seen(
        phase, asked - began, answer.headers["x-cache"], report["source"], report["fallback_reason"], seconds, told
    )


async def test_a_bad_hour_is_survived_told_and_over_by_itself(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    seen: list[Seen] = []
    calls: dict[str, int] = {}
    async with client_of(settings_for(redis_server, metrics, gemini, **SCALED)) as client:
        began = asyncio.get_running_loop().time()
        for phase, seconds, behaviour, _ in PHASES:
            before = len(gemini.calls)
            gemini.behave(behaviour)
            ends = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < ends:
                seen.append(await look(client, phase, began))
                if phase == BACK and seen[-1].source == "gemini":
                    break
                await asyncio.sleep(0.5)
            calls[phase] = len(gemini.calls) - before
        ledger = (await client.get("/analyze/quota", headers=ADMIN)).json()["days"][0]
    print("\n" + timeline(seen, calls))
    for phase, _, _, reasons in PHASES:
        assert {each.reason for each in seen if each.phase == phase} <= reasons
    assert "gemini_key_invalid" in {each.reason for each in seen}
    assert any("400 INVALID_ARGUMENT: API key not valid" in each.health for each in seen if each.phase == KEYLESS)
    assert any("503 UNAVAILABLE" in each.health for each in seen if each.phase == AWAY)
    assert seen[-1].source == "gemini", "it is over by itself"
    assert seen[-1].health == "ok: gemini-2.5-flash-lite"
    assert max(each.seconds for each in seen) <= DEADLINE_SECONDS + 1
    assert calls[LIMITED] <= 4, "asked again only after the three seconds that Gemini wanted"
    assert calls[AWAY] <= 6, "the circuit keeps calls back"
    assert ledger["calls"] == len(gemini.calls), "every call that left is in the ledger"


def timeline(seen: list[Seen], calls: dict[str, int]) -> str:
    """What changed, line by line."""
    lines = ["minutes        gemini is     report by  reason                asked  slowest  /health says of gemini"]
    for (phase, source, reason, health), group in groupby(
        seen, key=lambda each: (each.phase, each.source, each.reason, each.health.split(" since ")[0])
    ):
        same = list(group)
        slowest, words = max(each.seconds for each in same), same[-1].health.split(" UTC: ")
        told = f"{health}{' … ' + words[1] if len(words) > 1 else ''}"
        lines.append(
            f"{same[0].at:5.1f} to {same[-1].at:5.1f}  {phase:12}  {source:9}  {reason or '-':20}  {len(same):5}  "
            f"{slowest:5.1f} s  {told}"
        )
    return "\n".join([*lines, f"calls that reached Gemini: {calls}"])
