"""The running calls of a model, and whether one of them takes too long.

The threads register their calls; the event loop checks them every CHECK_SECONDS. The time of a call is measured by the
number of checks that saw it, since a clock would go on while the process is suspended.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prediction_service.batching.job import Row

CHECK_SECONDS = 0.5
"""Between two checks of the running calls."""


class Calls:
    """The calls of one model, none of which may take longer than `most_seconds`."""

    def __init__(self, most_seconds: float) -> None:
        self.most_seconds = most_seconds
        self._running: dict[int, tuple[float, Sequence[Row]]] = {}
        """Thread → start (`time.perf_counter`) and rows of its call."""
        self._checks: dict[tuple[int, float], int] = {}
        """Thread and start of a call → number of checks that saw it."""

    @contextmanager
    def running(self, rows: Sequence[Row], began: float) -> Iterator[None]:
        """A block in which this thread is in a call."""
        self._running[threading.get_ident()] = (began, rows)
        try:
            yield
        finally:
            del self._running[threading.get_ident()]

    def check(self) -> bool:
        """One check: whether a call has been running for too long."""
        running = [(thread, began) for thread, (began, _) in list(self._running.items())]
        self._checks = {call: self._checks.get(call, 0) + 1 for call in running}
        return max(self._checks.values(), default=0) * CHECK_SECONDS > self.most_seconds

    def rows(self) -> list[Row]:
        """The rows in all running calls."""
        return [row for _, rows in list(self._running.values()) for row in rows]

    def __bool__(self) -> bool:
        """Whether any call is running."""
        return bool(self._running)
