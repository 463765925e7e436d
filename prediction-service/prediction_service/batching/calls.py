"""The calls of a model that run just now, and whether one of them takes too long.

The threads note what they work on and since when; the event loop looks, every CHECK_SECONDS. Looks are counted instead
of seconds: a process that is paused does not look.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prediction_service.batching.job import Row

CHECK_SECONDS = 0.5
"""How often calls that run are looked at."""


class Calls:
    """Of one model; none may take longer than `most_seconds`."""

    def __init__(self, most_seconds: float) -> None:
        self.most_seconds = most_seconds
        self._running: dict[int, tuple[float, Sequence[Row]]] = {}
        """Thread → beginning (`time.perf_counter`) and rows of its call."""
        self._looks: dict[tuple[int, float], int] = {}
        """Thread and beginning of a call → how often it was seen."""

    @contextmanager
    def running(self, rows: Sequence[Row], began: float) -> Iterator[None]:
        """A block in which this thread is in a call."""
        self._running[threading.get_ident()] = (began, rows)
        try:
            yield
        finally:
            del self._running[threading.get_ident()]

    def look(self) -> bool:
        """Whether a call has been seen for too long."""
        running = [(thread, began) for thread, (began, _) in list(self._running.items())]
        self._looks = {call: self._looks.get(call, 0) + 1 for call in running}
        return max(self._looks.values(), default=0) * CHECK_SECONDS > self.most_seconds

    def rows(self) -> list[Row]:
        """What is computed just now."""
        return [row for _, rows in list(self._running.values()) for row in rows]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._running)
