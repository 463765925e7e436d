"""When a call that failed is tried again: at once, then after 1 to 2 s, 2 to 4 s, 4 to 8 s; four attempts in all.

Gemini may ask for more patience (`Retry-After`): then the next attempt waits so long, or is not made.
"""

from collections.abc import Awaitable, Callable

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_chain,
    wait_random,
)
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from analytics_service.gemini.provider import ProviderError, ProviderUnavailable

ATTEMPTS = 4
WAITS = wait_chain(wait_random(1, 2), wait_random(2, 4), wait_random(4, 8))
"""Seconds. Random, so that replicas which failed together do not come back together."""

SHORTEST_CALL_SECONDS = 0.5
"""With less time than this a call would only cost money."""

Sleep = Callable[[float], Awaitable[None]]

log = structlog.get_logger()


class StopTooLate(stop_base):
    """Stops when there would be no time for the next attempt: why the last one failed is then the reason."""

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether to stop."""
        return retry_state.upcoming_sleep + SHORTEST_CALL_SECONDS >= self._seconds_left()


class WaitAsTold(wait_base):
    """The schedule, or longer when the provider said so."""

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        told = error.retry_after_seconds if isinstance(error, ProviderError) else None
        return max(WAITS(retry_state), told or 0.0)


def attempts(sleep: Sleep, seconds_left: Callable[[], float]) -> AsyncRetrying:
    """The schedule. It ends with the error of the last attempt, early when the next one would come too late."""
    return AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS) | StopTooLate(seconds_left),
        wait=WaitAsTold(),
        retry=retry_if_exception_type(ProviderUnavailable),
        sleep=sleep,
        before_sleep=log_next,
        reraise=True,
    )


def log_next(state: RetryCallState) -> None:
    """One line for each attempt that is followed by another; why it failed is told by the call itself."""
    log.info("gemini is asked again", attempt=state.attempt_number, next_in_seconds=round(state.upcoming_sleep, 2))
