"""Who waits is the next group: while one call is under way callers gather, and the next call is made for all of them.

There is one call at a time, so load makes groups larger instead of calls more. Callers with the same key share a place.
Nobody waits for ever: when serving ends, for whatever reason, everybody who waits is told so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

Waiters = list[asyncio.Future[Result]]
"""Those who share a place, in the order in which they came; some may have left."""

Group = dict[Key, Waiters[Result]]
"""Places, in the order in which they were taken."""


def one(_: Hashable) -> int:
    """The size of keys that are all alike."""
    return 1


async def gather_nobody() -> None:
    """A group goes at once."""


class GroupCall(Generic[Key, Result]):
    """Callers `join`, a task of the owner's runs `serve`.

    A group has at most `max_size`, as `size_of` counts its keys, or is one larger key alone. `gather` returns when the
    group that waits may go. `absence` makes the error of those who still wait when serving ends.
    """

    def __init__(
        self,
        absence: Callable[[], Exception],
        *,
        max_size: int,
        size_of: Callable[[Key], int] = one,
        gather: Callable[[], Awaitable[None]] = gather_nobody,
    ) -> None:
        self._absence, self._max_size, self._size_of, self._gather = absence, max_size, size_of, gather
        self._waiting: Group[Key, Result] = {}
        self._arrived = asyncio.Event()
        self.size = 0
        """What waits for the next calls, as `size_of` counts it."""

    def join(self, key: Key) -> asyncio.Future[Result]:
        """A place among those who wait, or a share of the one that `key` has; its result comes with the group's."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.get(key)
        if waiters is None:
            self._waiting[key] = [future]
            self.size += self._size_of(key)
            self._arrived.set()
        else:
            waiters.append(future)
        return future

    async def serve(
        self, call: Callable[[Group[Key, Result]], Awaitable[None]], *, idle_seconds: float | None = None
    ) -> NoReturn:
        """Calls for group after group, until `call` raises or the task is cancelled: then all who wait are told.

        `call` gives everybody of its group a result or an error. When nobody comes for `idle_seconds`, it is called for
        nobody.
        """
        group: Group[Key, Result] = {}
        try:
            while True:
                await self._wait(idle_seconds)
                group = self._next_group()
                await call(group)
        finally:
            self._give_up(group)

    async def _wait(self, idle_seconds: float | None) -> None:
        if not self._waiting:
            self._arrived.clear()
            await set_or_after(self._arrived, idle_seconds)
        if self._waiting:
            await self._gather()

    def _next_group(self) -> Group[Key, Result]:
        """Those who wait longest."""
        if self.size <= self._max_size:
            group, self._waiting, self.size = self._waiting, {}, 0
            return group
        group, size = {}, 0
        for key, waiters in self._waiting.items():
            larger = size + self._size_of(key)
            if group and larger > self._max_size:
                break
            group[key], size = waiters, larger
        for key in group:
            del self._waiting[key]
        self.size -= size
        return group

    def _give_up(self, group: Group[Key, Result]) -> None:
        for waiters in (*group.values(), *self._waiting.values()):
            fail(waiters, self._absence())
        self._waiting, self.size = {}, 0


def tell(waiters: Waiters[Result], result: Result) -> None:
    """Gives a result to those who still wait for one."""
    for future in waiters:
        if not future.done():
            future.set_result(result)


def fail(waiters: Waiters[Result], error: Exception) -> None:
    """Gives an error to those who still wait for a result."""
    for future in waiters:
        if not future.done():
            future.set_exception(error)


async def set_or_after(event: asyncio.Event, seconds: float | None) -> None:
    """Returns once the event is set, or after so many seconds; None: however long it takes."""
    if seconds is None:
        await event.wait()
    elif not event.is_set():  # a timer that is not needed would cost more than all the rest of a small group
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
