"""A point in time by which something must be done."""

from dataclasses import dataclass

from shared.asyncio.clock import Clock


@dataclass(frozen=True, slots=True)
class Deadline:
    """Handed down from the request to whoever works for it."""

    at: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> "Deadline":
        """In so many seconds."""
        return cls(clock() + seconds, clock)

    def seconds_left(self) -> float:
        """How long there is; 0 when it has passed."""
        return max(0.0, self.at - self.clock())

    def earlier(self, seconds: float) -> "Deadline":
        """A deadline that leaves so much time after it."""
        return Deadline(self.at - seconds, self.clock)
