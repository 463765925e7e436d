"""Time is an argument everywhere; these are its two kinds."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds that only grow, within this process; `time.monotonic` in production."""

UtcNow = Callable[[], datetime]
"""What time it is, with its zone: for people and for records."""


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)
