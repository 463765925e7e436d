"""When calls may leave after others failed."""

import pytest

from analytics_service.gemini.breaker import (
    FAILURES_TO_OPEN,
    OPEN_SECONDS,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
)
from shared.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def circuit(clock: ManualClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fail(circuit: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        circuit.enter()
        circuit.failed()


def test_failures_that_are_not_in_a_row_do_not_open_it(circuit: CircuitBreaker) -> None:
    for _ in range(10):
        fail(circuit, FAILURES_TO_OPEN - 1)
        circuit.succeeded()
    assert circuit.state is CircuitState.CLOSED


def test_failures_in_a_row_open_it_for_a_while(circuit: CircuitBreaker, clock: ManualClock) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    with pytest.raises(CircuitOpenError):
        circuit.enter()
    clock.advance(OPEN_SECONDS)
    circuit.enter()


def test_only_one_call_goes_ahead(circuit: CircuitBreaker, clock: ManualClock) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    clock.advance(OPEN_SECONDS)
    circuit.enter()
    with pytest.raises(CircuitOpenError):
        circuit.enter()
    circuit.succeeded()
    circuit.enter()
    circuit.enter()


def test_when_the_one_that_goes_ahead_fails_it_is_open_again(circuit: CircuitBreaker, clock: ManualClock) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    clock.advance(OPEN_SECONDS)
    fail(circuit, 1)
    assert circuit.state is CircuitState.OPEN
    with pytest.raises(CircuitOpenError):
        circuit.enter()


def test_a_call_that_did_not_leave_after_all_makes_room_for_another(
    circuit: CircuitBreaker, clock: ManualClock
) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    clock.advance(OPEN_SECONDS)
    circuit.enter()
    circuit.leave()
    circuit.enter()


def test_a_call_that_nobody_heard_of_again_does_not_block_the_others_for_ever(
    circuit: CircuitBreaker, clock: ManualClock
) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    clock.advance(OPEN_SECONDS)
    circuit.enter()
    clock.advance(OPEN_SECONDS)
    circuit.enter()
