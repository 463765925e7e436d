"""The bytes of bodies that are here while their clients may still be sending: bounded, for all and for each caller.

A client that sends slowly, or not at all any more, keeps what it has sent here and nothing else: no place where others
wait for their turn.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from starlette.types import Scope

from shared.http.caller import CALLER_HEADER
from shared.http.problems import Overloaded
from shared.http.request_id import header
from shared.service.memory import give_back_free_memory

MOST_BYTES = 32 * 1024 * 1024
"""Of all callers together."""

MOST_OF_ONE_CALLER = 13 * 1024 * 1024
"""The largest body of any route, 12 MiB, and some small ones; so three callers at least share the whole."""


WORTH_GIVING_BACK = 8 * 1024 * 1024
"""After more than this was here at once, and all of it is gone, free memory goes back to the system."""


class HeldBytes:
    """How much each caller has here."""

    def __init__(self) -> None:
        self._total = self._most = 0
        self._of: Counter[bytes] = Counter()

    def take(self, caller: bytes | None, size: int) -> None:
        """So many bytes more are here. Raises Overloaded when that is too much."""
        too_much_of_one = caller is not None and self._of[caller] + size > MOST_OF_ONE_CALLER
        if too_much_of_one or self._total + size > MOST_BYTES:
            raise Overloaded("Too many bytes of unfinished requests are here.")
        self._total += size
        self._most = max(self._most, self._total)
        if caller is not None:
            self._of[caller] += size

    def give_back(self, caller: bytes | None, size: int) -> None:
        """So many bytes are gone."""
        self._total -= size
        if caller is not None:
            self._of[caller] -= size
            if not self._of[caller]:
                del self._of[caller]
        if not self._total and self._most > WORTH_GIVING_BACK:
            self._most = 0
            asyncio.get_running_loop().run_in_executor(None, give_back_free_memory)


held_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, HeldBytes] = WeakKeyDictionary()
# mutable: each loop adds its own count


@contextmanager
def holding(scope: Scope) -> Iterator[Callable[[int], None]]:
    """A block that holds a body: it is given what to call with the size of each piece, which may raise Overloaded."""
    held = held_of_loop.setdefault(asyncio.get_running_loop(), HeldBytes())
    caller, size = header(scope, CALLER_HEADER), 0

    def add(more: int) -> None:
        nonlocal size
        held.take(caller, more)
        size += more

    try:
        yield add
    finally:
        held.give_back(caller, size)
