"""Outputs of a model by the keys of their instances, bounded in rows and in bytes.

What was asked for once takes a fifth, what was asked for again has the rest to itself, and in each of the two what was
used longest ago makes room. So a stream of a million rows, each of them another one, drives out nothing that is asked
for often (segmented LRU).
"""

from collections import OrderedDict

from prediction_service.batching.job import Outcome
from prediction_service.caching.sizes import on_its_own, size_of
from prediction_service.tasks.task import Output

ENTRY_BYTES = 440
"""What an entry takes besides its output: its key, its outcome, and its place in the table."""

NEW_SHARE = 5
"""One part of so many is for what was asked for once."""


Entry = tuple[Outcome, int]
"""An output as it is said again, and the bytes that it takes."""


class Kept:
    """At most `rows` outputs, which take at most `max_bytes` together; one alone at most a fifth of them."""

    def __init__(self, rows: int, max_bytes: int) -> None:
        self._max_rows, self._max_bytes = rows, max_bytes
        self._max_new_bytes = max_bytes // NEW_SHARE
        self._max_proven_rows = rows - max(rows // NEW_SHARE, 1)
        self._max_proven_bytes = max_bytes - self._max_new_bytes
        self._new: OrderedDict[bytes, Entry] = OrderedDict()  # in both the longest unused one is the first
        self._proven: OrderedDict[bytes, Entry] = OrderedDict()
        self._proven_bytes = 0
        self.size = 0
        """Bytes that all of them take."""

    def __len__(self) -> int:
        return len(self._new) + len(self._proven)

    def find(self, key: bytes) -> Outcome | None:
        """What is kept of an instance; it is used by that."""
        if (entry := self._proven.get(key)) is not None:
            self._proven.move_to_end(key)
            return entry[0]
        if (entry := self._new.pop(key, None)) is None:
            return None
        self._prove(key, entry)
        return entry[0]

    def keep(self, key: bytes, output: Output) -> None:
        """Keeps an output that was not found, if it is not too large; others make room."""
        if key in self._new or key in self._proven:
            return
        output = on_its_own(output)
        size = ENTRY_BYTES + size_of(output, self._max_new_bytes)
        if size > self._max_new_bytes:
            return
        self._new[key] = from_cache(output), size
        self.size += size
        while self.size > self._max_bytes or len(self._new) + len(self._proven) > self._max_rows:
            _, (_, gone) = self._new.popitem(last=False)
            self.size -= gone

    def clear(self) -> None:
        """Keeps nothing any more."""
        self._new.clear()
        self._proven.clear()
        self.size = self._proven_bytes = 0

    def _prove(self, key: bytes, entry: Entry) -> None:
        """Moves it to those that were asked for again; what of these was used longest ago has to be proved anew."""
        self._proven[key] = entry
        self._proven_bytes += entry[1]
        while len(self._proven) > self._max_proven_rows or self._proven_bytes > self._max_proven_bytes:
            old_key, old = self._proven.popitem(last=False)
            self._proven_bytes -= old[1]
            self._new[old_key] = old


def from_cache(output: Output, waited: float = 0.0) -> Outcome:
    """The outcome of an instance that was not computed for the request in question, which was so long in the queue."""
    return Outcome(output, 0.0, 0, waited, is_cached=True)
