"""Which calls leave, how many, and when; the pauses between attempts are noted and not waited for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

import pytest
from parts import a_deadline, a_lease, facts_of, redis_client

from analytics_service.circuit_breaker import CircuitBreaker, CircuitState
from analytics_service.clocks import utc_now
from analytics_service.gemini import gemini_provider
from analytics_service.gemini_analyst import GeminiAnalyst, NoFindings
from analytics_service.ledger import Ledger, Prices
from analytics_service.quota import CallQuota
from analytics_service.report import FallbackReason
from analytics_service.settings import Settings
from analytics_service.testing.gemini_emulator import (
    FINDINGS,
    GeminiEmulator,
    blocked,
    broken_envelope,
    cutting,
    failing,
    rate_limited,
    reporting,
    saying,
)
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
        with pytest.raises(NoFindings) as none:
            await self.findings(**changes)
        return none.value.reason

    async def findings(self, lease_seconds: float = 60, deadline_seconds: float = 30) -> str:
        found = await self.analyst.findings(facts_of(), a_lease(lease_seconds), a_deadline(deadline_seconds))
        return found.summary


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
        ledger = Ledger(redis, Prices(prompt=0, answer=0), utc_now)
        analyst = GeminiAnalyst(provider, CallQuota(redis, limit=10), circuit, ledger, 5, monotonic, note)
        yield Desk(analyst, circuit, clock, pauses)
    await provider.close()


@pytest.mark.parametrize("fault", [failing(503), failing(500), cutting])
async def test_what_passes_is_tried_four_times_with_growing_pauses(
    desk: Desk, gemini: GeminiEmulator, fault: object
) -> None:
    gemini.behave(fault)
    assert await desk.reason() is FallbackReason.GEMINI_UNAVAILABLE
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
        (failing(400), FallbackReason.GEMINI_REJECTED),
        (failing(403), FallbackReason.GEMINI_REJECTED),
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


@pytest.mark.parametrize("flawed", [saying("not json"), saying('{"summary": ""}'), saying("[]"), broken_envelope])
async def test_a_flawed_answer_gets_one_corrective_attempt(desk: Desk, gemini: GeminiEmulator, flawed: object) -> None:
    gemini.behave(flawed, reporting())
    assert await desk.findings() == FINDINGS["summary"]
    first, second = gemini.calls
    assert second.prompt.startswith(first.prompt)
    assert "could not be used" in second.prompt


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
