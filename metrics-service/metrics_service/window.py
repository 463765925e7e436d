"""The stretch of time that a question is about: it includes its start and not its end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start`, included, to `end`, not included."""

    start: datetime
    end: datetime

    @classmethod
    def ending(cls, end: datetime, minutes: int) -> "Window":
        """The `minutes` before `end`."""
        return cls(end - timedelta(minutes=minutes), end)
