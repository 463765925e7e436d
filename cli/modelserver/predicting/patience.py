"""How long is waited before the next try, and when there is none: pure numbers, no clock."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from modelserver.errors import CommandError

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0
"""Pauses; doubled each time, and up to a quarter longer, so that many clients do not come back together."""

EXIT_INCOMPLETE = 3


class IncompleteError(CommandError):
    """The output is not complete; the same command goes on with it."""

    exit_code = EXIT_INCOMPLETE


class Patience:
    """`seconds`: of pauses since the last row that was answered."""

    def __init__(self, seconds: float, dice: random.Random) -> None:
        self._seconds, self._dice = seconds, dice
        self._waited, self._pause, self._last = 0.0, FIRST_SECONDS, ""

    def progress(self) -> None:
        """A row was answered."""
        self._waited, self._pause, self._last = 0.0, FIRST_SECONDS, ""

    def pause(self, reason: str, retry_after: float | None = None, *, stated: bool = False) -> float:
        """Seconds until the next try. `retry_after`: what the server asks for. `stated`: the server ended the stream.

        Raises IncompleteError when that is longer than anybody wants to wait, or when the server says the same about
        the same row again.
        """
        if stated and reason == self._last:
            raise IncompleteError(reason)
        self._last = reason
        pause = max(retry_after or 0.0, self._pause * self._dice.uniform(1, 1.25))
        if self._waited + pause > self._seconds:
            raise IncompleteError(f"{reason} (given up after {self._waited:.0f} s of waiting; --patience)")
        self._waited += pause
        self._pause = min(2 * self._pause, LONGEST_SECONDS)
        return pause


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Of a `Retry-After`: seconds, or a moment. None: it says nothing."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
