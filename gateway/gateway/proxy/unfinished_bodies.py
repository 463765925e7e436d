"""Small bodies that are not complete yet: they take no place at an upstream, and together only so much memory.

When there are too many bytes of them, the oldest is given up: an honest client's small body is here within moments, one
that never comes has waited for longest.
"""

import asyncio
from typing import Protocol

from shared.service.memory import give_back_free_memory

MOST_BYTES = 32 * 1024 * 1024
"""Of all of them, in one process."""

WORTH_GIVING_BACK = 8 * 1024 * 1024
"""After more than this was here at once, and most of it is gone, free memory goes back to the system; and whenever so
much has come in larger bodies."""


class Unfinished(Protocol):
    """A body that is still coming."""

    def give_up(self) -> None:
        """Lets go of what has come, and of the rest."""
        ...


class UnfinishedBodies:
    """How many bytes of each are here, oldest first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._sizes: dict[Unfinished, int] = {}
        self._total = self._peak = self._passed = 0

    def add(self, body: Unfinished, size: int) -> None:
        """So many bytes more of this body are here."""
        self._sizes[body] = self._sizes.get(body, 0) + size
        self._total += size
        self._peak = max(self._peak, self._total)
        while self._total > self._most_bytes:
            oldest = next(iter(self._sizes))
            self.remove(oldest)
            oldest.give_up()

    def remove(self, body: Unfinished) -> None:
        """It is complete, or nobody waits for it any more."""
        self._total -= self._sizes.pop(body, 0)
        if self._peak > WORTH_GIVING_BACK and self._total < self._peak // 4:
            self._peak = self._total
            give_back()

    def has_passed(self, size: int) -> None:
        """So many bytes of a larger body were here, one piece after the other, and are gone."""
        self._passed += size
        if self._passed > WORTH_GIVING_BACK:
            self._passed = 0
            give_back()


def give_back() -> None:
    """Memory that is free, from a thread of its own: it takes milliseconds."""
    asyncio.get_running_loop().run_in_executor(None, give_back_free_memory)
