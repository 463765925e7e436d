"""How many streams there are at a time, and how much of a model's queue they take together."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from prometheus_client import Gauge

from prediction_service.models.model import Model
from shared.http.problems import Overloaded

GROUP_ROWS = 256
"""Rows of a stream that are computed and recorded together: as many as the largest batch has."""

GROUP_BYTES = 262_144
"""After so many bytes a group is full as well."""

QUEUE_SHARE = 2
"""Of a model's queue all streams together take one part in so many: the rest is for requests that do not wait."""

RETRY_SECONDS = 10
"""Retry-After of a stream for which there is no place: others take minutes."""

STREAMS = Gauge("prediction_streams", "Streams under way")


class Streams:
    """The places. One caller has at most half of them."""

    def __init__(self, most: int, queue_rows: int) -> None:
        self._most, self._most_of_one = most, max(most // 2, 1)
        self._groups = max(queue_rows // QUEUE_SHARE // GROUP_ROWS, 1)
        self._of: Counter[str | None] = Counter()
        self._turns: WeakKeyDictionary[object, asyncio.Semaphore] = WeakKeyDictionary()  # mutable: one for each batcher

    @contextmanager
    def place(self, caller: str | None) -> Iterator[None]:
        """A block in which a stream is under way. Raises Overloaded when there are too many."""
        if self._of.total() >= self._most:
            raise Overloaded("Too many streams are under way.", retry_after_seconds=RETRY_SECONDS)
        if caller is not None and self._of[caller] >= self._most_of_one:
            raise Overloaded("This client has too many streams under way.", retry_after_seconds=RETRY_SECONDS)
        self._of[caller] += 1
        STREAMS.set(self._of.total())
        try:
            yield
        finally:
            self._of[caller] -= 1
            if not self._of[caller]:
                del self._of[caller]
            STREAMS.set(self._of.total())

    def turn(self, model: Model) -> asyncio.Semaphore:
        """A block in which a group of rows is at the model; streams take turns, in the order in which they asked."""
        return self._turns.setdefault(model.batcher, asyncio.Semaphore(self._groups))
