"""Which calls leave, how many, and when; the pauses between attempts are noted and not waited for."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import Findings
from analytics_service.gemini import gemini_provider
from analytics_service.gemini.analyst import GeminiAnalyst
from analytics_service.gemini.breaker import CircuitBreaker, CircuitState
from analytics_service.gemini.last_outcome import LastOutcome
from analytics_service.gemini.ledger import Ledger
from analytics_service.gemini.prices import Prices
from analytics_service.gemini.provider import KeyInvalidError, ProviderError, ProviderUnavailable
from analytics_service.gemini.quota import CallQuota
from analytics_service.settings import Settings
from analytics_service.testing.gemini_emulator import (
    FINDINGS,
    Behaviour,
    GeminiEmulator,
    blocked,
    cutting,
    failing,
    rate_limited,
    reporting,
    saying,
)
from analytics_tests.parts import a_deadline, a_lease, facts_of, redis_client
from analytics_tests.wire_shapes import FAILURES
from shared.asyncio.clock import utc_now
from shared.testing.clock import ManualClock
from shared.testing.redis import RedisServer


@dataclass
class Desk:
    """An analyst whose pauses are noted, and what the tests look at."""

    analyst: GeminiAnalyst
    circuit: CircuitBreaker
    clock: ManualClock
    pauses: list[float] = field(default_factory=list)

    async def reason(self, **changes: object) -> FallbackReason:
        """Why there are no findings."""
        said = await self.ask(**changes)
        assert isinstance(said, FallbackReason)
        return said

    async def findings(self, **changes: object) -> str:
        """What the findings say in sum."""
        said = await self.ask(**changes)
        assert isinstance(said, Findings)
        return said.summary

    async def ask(self, lease_seconds: float = 60, deadline_seconds: float = 30) -> Findings | FallbackReason:
        return await self.analyst.findings(facts_of(), a_lease(lease_seconds), a_deadline(deadline_seconds))


@pytest.fixture
async def desk(redis_server: RedisServer, gemini: GeminiEmulator) -> AsyncIterator[Desk]:
    provider = gemini_provider(
        Settings(_env_file=None, gemini_api_key="key", gemini_api_endpoint=gemini.url, gemini_sdk="google-genai")
    )
    assert provider is not None
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    clock = ManualClock()
    async with redis_client(redis_server) as redis:
        circuit = CircuitBreaker(clock)
        ledger = Ledger(redis, Prices(input=0, output=0), utc_now)
        analyst = GeminiAnalyst(
            provider, CallQuota(redis, limit=10), circuit, ledger, 5, monotonic, note, model="gemini-2.5-flash-lite"
        )
        yield Desk(analyst, circuit, clock, pauses)
    await provider.close()


@pytest.mark.parametrize("fault", [failing(503), failing(500), failing(408), failing(499), cutting])
async def test_what_passes_is_tried_four_times_with_growing_pauses(
    desk: Desk, gemini: GeminiEmulator, fault: object
) -> None:
    gemini.behave(fault)
    assert await desk.reason() in {FallbackReason.GEMINI_UNAVAILABLE, FallbackReason.GEMINI_TIMEOUT}
    assert len(gemini.calls) == 4
    assert [1 <= desk.pauses[0] <= 2, 2 <= desk.pauses[1] <= 4, 4 <= desk.pauses[2] <= 8] == [True] * 3


async def test_the_first_success_ends_the_attempts(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(failing(503), failing(500), reporting())
    assert await desk.findings() == FINDINGS["summary"]
    assert len(gemini.calls) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (rate_limited("17s"), FallbackReason.GEMINI_RATE_LIMITED),
        (rate_limited(), FallbackReason.GEMINI_RATE_LIMITED),
        (failing(400), FallbackReason.GEMINI_REQUEST_INVALID),
        (failing(403), FallbackReason.GEMINI_FORBIDDEN),
        (FAILURES["bad key"].behaviour, FallbackReason.GEMINI_KEY_INVALID),
        (FAILURES["leaked key"].behaviour, FallbackReason.GEMINI_KEY_LEAKED),
        (FAILURES["blocked region"].behaviour, FallbackReason.GEMINI_REGION_BLOCKED),
        (FAILURES["retired model"].behaviour, FallbackReason.GEMINI_MODEL_UNKNOWN),
        (FAILURES["no quota on this plan"].behaviour, FallbackReason.GEMINI_BILLING),
        (FAILURES["day's quota"].behaviour, FallbackReason.GEMINI_DAILY_QUOTA),
        (FAILURES["other"].behaviour, FallbackReason.ANSWER_STOPPED),
        (blocked, FallbackReason.ANSWER_BLOCKED),
    ],
)
async def test_a_refusal_is_not_tried_again(
    desk: Desk, gemini: GeminiEmulator, fault: object, reason: FallbackReason
) -> None:
    gemini.behave(fault)
    assert await desk.reason() is reason
    assert len(gemini.calls) == 1
    assert not desk.pauses


@pytest.mark.parametrize("flawed", [saying("not json"), saying('{"summary": ""}'), saying("[]")])
async def test_a_flawed_answer_gets_one_corrective_attempt(desk: Desk, gemini: GeminiEmulator, flawed: object) -> None:
    gemini.behave(flawed, reporting())
    assert await desk.findings() == FINDINGS["summary"]
    first, second = gemini.calls
    assert second.prompt.startswith(first.prompt)
    assert "could not be used" in second.prompt


WORDY = "Here is what I see, {as asked}:\n\n```JSON\n" + json.dumps(FINDINGS) + "\n```\nAnything else?"


@pytest.mark.parametrize(
    "text",
    [
        WORDY,
        json.dumps(FINDINGS) + " I hope this helps {you}.",
        "\ufeff" + json.dumps(FINDINGS),
        "```\n" + json.dumps(FINDINGS, indent=2) + "\n```",
        json.dumps({"report": FINDINGS}),
        json.dumps([FINDINGS]),
        json.dumps({"note": "not this"}) + json.dumps(FINDINGS),
        json.dumps(FINDINGS) + ' {"',
        json.dumps(FINDINGS) + '\nNote: I left {"root_cause_hypothesis" null.',
        "```json\n" + json.dumps(FINDINGS) + '\n```\n{"summary": "And',
    ],
)
async def test_a_report_is_found_wherever_it_stands_in_one_call(desk: Desk, gemini: GeminiEmulator, text: str) -> None:
    gemini.behave(saying(text))
    assert await desk.findings() == FINDINGS["summary"]
    assert len(gemini.calls) == 1


@pytest.mark.parametrize(
    "cut",
    [
        saying(json.dumps(FINDINGS)[:60], "MAX_TOKENS"),
        saying(json.dumps(FINDINGS)[:-1]),
        saying(json.dumps(FINDINGS) + ' {"summary": "In short', "MAX_TOKENS"),
        saying(json.dumps(FINDINGS)[: json.dumps(FINDINGS).index("}") + 1]),
        FAILURES["thoughts took all tokens"].behaviour,
    ],
)
async def test_what_was_cut_off_is_asked_for_once_more_shorter_and_with_more_room(
    desk: Desk, gemini: GeminiEmulator, cut: Behaviour
) -> None:
    gemini.behave(cut, reporting())
    assert await desk.findings() == FINDINGS["summary"]
    first, second = (call.body["generationConfig"]["maxOutputTokens"] for call in gemini.calls)
    assert (first, second) == (1024, 4096)
    assert "did not fit" in gemini.calls[1].prompt
    gemini.behave(cut)
    assert await desk.reason() is FallbackReason.ANSWER_TRUNCATED
    assert len(gemini.calls) == 4


async def test_a_report_that_is_whole_counts_even_if_the_tokens_ended_with_it(
    desk: Desk, gemini: GeminiEmulator
) -> None:
    gemini.behave(saying(json.dumps(FINDINGS), "MAX_TOKENS"))
    assert await desk.findings() == FINDINGS["summary"]
    assert len(gemini.calls) == 1


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("an empty object", FallbackReason.ANSWER_EMPTY),
        ("half a document", FallbackReason.GEMINI_UNREADABLE),
        ("HTML within a 200", FallbackReason.GEMINI_UNREADABLE),
    ],
)
async def test_what_says_nothing_is_asked_for_once_more_as_it_was(
    desk: Desk, gemini: GeminiEmulator, shape: str, reason: FallbackReason
) -> None:
    gemini.behave(FAILURES[shape].behaviour, reporting())
    assert await desk.findings() == FINDINGS["summary"]
    assert gemini.calls[0].prompt == gemini.calls[1].prompt
    gemini.behave(FAILURES[shape].behaviour)
    assert await desk.reason() is reason
    assert len(gemini.calls) == 4


async def test_gemini_may_ask_for_more_patience_than_the_schedule_has(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(FAILURES["503 with Retry-After"].behaviour, reporting())
    await desk.findings()
    assert desk.pauses == [7]
    gemini.behave(FAILURES["503 with Retry-After"].behaviour, reporting())
    assert await desk.reason(deadline_seconds=5) is FallbackReason.GEMINI_UNAVAILABLE, "7 s would be too late"
    assert len(gemini.calls) == 3


@pytest.mark.parametrize(
    ("shape", "reason", "seconds"),
    [
        ("minute's quota, RetryInfo", FallbackReason.GEMINI_RATE_LIMITED, 17.5),
        ("Retry-After alone", FallbackReason.GEMINI_RATE_LIMITED, 31),
        ("retry in words alone", FallbackReason.GEMINI_RATE_LIMITED, 45.6),
        ("day's quota", FallbackReason.GEMINI_DAILY_QUOTA, 3600),
    ],
)
async def test_while_gemini_wants_us_to_wait_nothing_leaves_and_its_reason_is_told(
    desk: Desk, gemini: GeminiEmulator, shape: str, reason: FallbackReason, seconds: float
) -> None:
    gemini.behave(FAILURES[shape].behaviour)
    assert [await desk.reason() for _ in range(3)] == [reason] * 3
    assert len(gemini.calls) == 1
    assert (await desk.analyst.quota.usage()).closed_for_seconds == pytest.approx(seconds, abs=3)


async def test_health_tells_what_was_said_until_a_call_succeeds(desk: Desk, gemini: GeminiEmulator) -> None:
    outcome = desk.analyst.outcome
    assert outcome.words() is None
    gemini.behave(FAILURES["bad key"].behaviour)
    await desk.reason()
    words = outcome.words()
    assert words is not None
    assert words.startswith("gemini_key_invalid since 20")
    assert words.endswith("UTC: 400 INVALID_ARGUMENT: API key not valid. Please pass a valid API key.")
    gemini.behave(reporting())
    await desk.findings()
    assert outcome.words() is None


@pytest.mark.parametrize(
    ("error", "after_an_hour"), [(KeyInvalidError("no"), True), (ProviderUnavailable("away"), False)]
)
def test_only_what_somebody_has_to_mend_is_told_for_ever(error: ProviderError, after_an_hour: bool) -> None:
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    outcome = LastOutcome(lambda: now)
    outcome.failed(error)
    assert outcome.words() == f"{error.reason} since 2026-01-05 12:00 UTC"
    now += timedelta(minutes=5)
    outcome.failed(error)
    assert outcome.words() == f"{error.reason} since 2026-01-05 12:00 UTC"
    now += timedelta(hours=1)
    assert (outcome.words() is not None) is after_an_hour


async def test_a_second_flawed_answer_is_the_last(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(saying("not json"))
    assert await desk.reason() is FallbackReason.ANSWER_INVALID
    assert len(gemini.calls) == 2


async def test_the_corrective_attempt_leaves_only_if_the_quota_allows(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(saying("not json"))
    for _ in range(9):
        await desk.analyst.quota.take()
    assert await desk.reason() is FallbackReason.ANSWER_INVALID
    assert len(gemini.calls) == 1


async def test_every_attempt_takes_from_the_quota(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(failing(503))
    for _ in range(8):
        await desk.analyst.quota.take()
    assert await desk.reason() is FallbackReason.QUOTA_EXHAUSTED
    assert len(gemini.calls) == 2


async def test_no_call_leaves_without_the_lock(desk: Desk, gemini: GeminiEmulator) -> None:
    assert await desk.reason(lease_seconds=0) is FallbackReason.LOCK_LOST
    assert not gemini.calls


async def test_no_call_leaves_when_there_is_no_time_for_it(desk: Desk, gemini: GeminiEmulator) -> None:
    assert await desk.reason(deadline_seconds=0.2) is FallbackReason.DEADLINE
    assert not gemini.calls


async def test_attempts_end_when_the_next_would_come_after_the_deadline(desk: Desk, gemini: GeminiEmulator) -> None:
    gemini.behave(failing(503))
    assert await desk.reason(deadline_seconds=2) is FallbackReason.GEMINI_UNAVAILABLE
    assert len(gemini.calls) == 2 if desk.pauses else 1


async def test_after_failures_in_a_row_no_call_leaves_until_one_that_goes_ahead_succeeds(
    desk: Desk, gemini: GeminiEmulator
) -> None:
    gemini.behave(failing(503))
    await desk.reason()
    assert await desk.reason() is FallbackReason.CIRCUIT_OPEN
    assert len(gemini.calls) == 5
    assert desk.circuit.state is CircuitState.OPEN
    assert await desk.reason() is FallbackReason.CIRCUIT_OPEN
    assert len(gemini.calls) == 5
    desk.clock.advance(30)
    gemini.behave(reporting())
    assert await desk.findings() == FINDINGS["summary"]
    assert desk.circuit.state is CircuitState.CLOSED


async def test_an_error_that_nobody_foresaw_costs_the_report_and_not_the_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def surprising(prompt: str, timeout_seconds: float) -> None:
        raise AttributeError("'NoneType' object has no attribute 'text'")

    monkeypatch.setattr(desk.analyst.provider, "generate", surprising)
    assert await desk.reason() is FallbackReason.GEMINI_ERROR
