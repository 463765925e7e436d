"""How long a run lasts, and the learning rate that follows from it."""

from time import monotonic


class Budget:
    """How much of a run is over: by time, or by steps where a run is to be repeated exactly."""

    def __init__(self, minutes: float | None, steps: int | None) -> None:
        self._minutes, self._steps = minutes, steps
        self._started = monotonic()

    def resume(self, seconds: float) -> None:
        """Counts time that was spent before."""
        self._started = monotonic() - seconds

    def seconds(self) -> float:
        """Time spent so far."""
        return monotonic() - self._started

    def spent(self, step: int) -> float:
        """From 0 to 1 and beyond."""
        if self._steps:
            return step / self._steps
        return self.seconds() / 60 / (self._minutes or 60.0)


def schedule(spent: float, warm_up: float) -> float:
    """Share of the peak learning rate: up in a line, down in a line."""
    return min(spent / warm_up, max(0.0, (1 - spent) / (1 - warm_up)), 1.0)
