"""After calls in a row have failed, none leaves for a while; then one goes ahead to see. Pure but for the clock.

Each process has its own: what fails may be its own way out.
"""

from enum import StrEnum

from prometheus_client import Gauge

from shared.asyncio.clock import Clock

FAILURES_TO_OPEN = 5
"""More than the attempts of one report, so that one unlucky report alone does not open it."""

OPEN_SECONDS = 30.0

STATE = Gauge("analysis_circuit_open", "1 while no call to Gemini leaves because too many failed")


class CircuitState(StrEnum):
    """Whether calls may leave."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One call is on its way to see; the others wait for its outcome."""


class CircuitOpenError(Exception):
    """No call may leave now."""


class CircuitBreaker:
    """`_failures` counts those in a row; `_opened_at` is set while it is not closed. Both are changed here alone."""

    def __init__(
        self, clock: Clock, failures_to_open: int = FAILURES_TO_OPEN, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self._clock, self._failures_to_open, self._open_seconds = clock, failures_to_open, open_seconds
        self._failures = 0
        self._opened_at: float | None = None
        self._probing_since: float | None = None

    @property
    def state(self) -> CircuitState:
        """Whether calls may leave."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._clock() < self._opened_at + self._open_seconds else CircuitState.HALF_OPEN

    def enter(self) -> None:
        """A call is about to leave; when half open, it is the one that goes ahead. Raises CircuitOpenError."""
        if self.state is CircuitState.OPEN or (self.state is CircuitState.HALF_OPEN and self._is_probing()):
            raise CircuitOpenError
        if self.state is CircuitState.HALF_OPEN:
            self._probing_since = self._clock()

    def leave(self) -> None:
        """The call did not leave after all: another may go ahead."""
        self._probing_since = None

    def _is_probing(self) -> bool:
        """Whether a call went ahead whose outcome is still open. One that nobody heard of again counts no longer."""
        return self._probing_since is not None and self._clock() < self._probing_since + self._open_seconds

    def succeeded(self) -> None:
        """A call got a response, be it a refusal: Gemini is there."""
        self._failures, self._opened_at, self._probing_since = 0, None, None
        STATE.set(0)

    def failed(self) -> None:
        """A call got no response; the last straw, or the one that went ahead, opens the circuit."""
        self._failures += 1
        self._probing_since = None
        if self._failures >= self._failures_to_open:
            self._opened_at = self._clock()
            STATE.set(1)
