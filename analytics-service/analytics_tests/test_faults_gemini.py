"""Whatever Gemini does, callers get the answer that the design names, and exactly the expected calls arrive."""

import asyncio
from itertools import pairwise

import pytest

from analytics_service.testing import gemini_emulator as emulated
from analytics_service.testing.gemini_emulator import Behaviour, GeminiEmulator, failing, rate_limited, saying, slow
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]

DEADLINE_SECONDS = 30

REPORT = emulated.reporting()
SDKS = ["google-generativeai", "google-genai"]

# What Gemini does, one call after the other → calls that arrive, why rules had to report (None: Gemini did).
FAULTS: dict[str, tuple[list[Behaviour], int, str | None]] = {
    "always 503": ([failing(503)], 4, "gemini_unavailable"),
    "always 500": ([failing(500)], 4, "gemini_unavailable"),
    "503, then well": ([failing(503), REPORT], 2, None),
    "a proxy's 502 in HTML, then well": ([emulated.html_error, REPORT], 2, None),
    "429 with retryDelay": ([rate_limited("17s")], 1, "gemini_rate_limited"),
    "429 without": ([rate_limited()], 1, "gemini_rate_limited"),
    "400": ([failing(400)], 1, "gemini_request_invalid"),
    "403": ([failing(403)], 1, "gemini_forbidden"),
    "connections cut": ([emulated.cutting], 4, "gemini_unavailable"),
    "connection cut once": ([emulated.cutting, REPORT], 2, None),
    "half a body": ([emulated.half_body], 4, "gemini_unavailable"),
    "no JSON at all": ([emulated.broken_envelope], 2, "gemini_unreadable"),
    "prose": ([saying("All is well.")], 2, "answer_invalid"),
    "prose, then a report": ([saying("All is well."), REPORT], 2, None),
    "JSON of another shape": ([saying('{"verdict": "fine", "score": 11}')], 2, "answer_invalid"),
    "JSON of another shape, then a report": ([saying('{"verdict": "fine"}'), REPORT], 2, None),
    "a blocked prompt": ([emulated.blocked], 1, "answer_blocked"),
    "a withheld answer": ([emulated.stopped_for_safety], 1, "answer_blocked"),
    "a slow answer": ([slow(2)], 1, None),
}


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leads_to_the_answer_that_the_design_names(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator, fault: str, sdk: str
) -> None:
    behaviours, calls, reason = FAULTS[fault]
    gemini.behave(*behaviours)
    async with client_of(settings_for(redis_server, metrics, gemini, gemini_sdk=sdk)) as client:
        async with asyncio.timeout(DEADLINE_SECONDS):
            first = await analyze(client)
        again = await analyze(client)
    assert (first.status_code, first.headers["x-cache"]) == (200, "MISS")
    assert first.json()["fallback_reason"] == reason
    assert first.json()["source"] == ("rules" if reason else "gemini")
    assert again.headers["x-cache"] == "HIT"
    assert again.json() == first.json()
    assert len(gemini.calls) == calls


@pytest.mark.parametrize("sdk", SDKS)
async def test_when_no_call_is_answered_in_time_rules_answer_before_the_deadline(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator, sdk: str
) -> None:
    gemini.behave(slow(60))
    settings = settings_for(redis_server, metrics, gemini, gemini_sdk=sdk)
    async with client_of(settings) as client, asyncio.timeout(DEADLINE_SECONDS):
        answer = await analyze(client)
    assert answer.json()["source"] == "rules"
    assert answer.json()["fallback_reason"] in {"gemini_timeout", "deadline"}
    assert 2 <= len(gemini.calls) <= 4


async def test_attempts_leave_at_0_then_1_to_2_then_3_to_6_then_7_to_14_seconds_after_the_first(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(failing(503))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        answer = await analyze(client)
    assert answer.json()["fallback_reason"] == "gemini_unavailable"
    times = [call.at for call in gemini.calls]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 4
    slack = 0.5  # what a call and a busy machine take
    for pause, (least, most) in zip(pauses, [(1, 2), (2, 4), (4, 8)], strict=True):
        assert least <= pause <= most + slack
