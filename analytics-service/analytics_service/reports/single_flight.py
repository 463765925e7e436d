"""Within one process, those who want the same work at the same time share it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from shared.asyncio.background import end

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """One task per key at a time. A caller that leaves does not end the work for the others.

    `flights` is changed by `start` and by the end of a task alone.
    """

    def __init__(self) -> None:
        self.flights: dict[Hashable, asyncio.Task[Result]] = {}

    async def join(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the work under way for `key`, which is started when there is none. Raises what it raises."""
        return await asyncio.shield(self.start(key, work))

    def start(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Result]]) -> Awaitable[Result]:
        """Starts the work for `key` unless it is under way; nobody needs to wait for it."""
        if key not in self.flights:
            flight = asyncio.create_task(work())
            self.flights[key] = flight
            flight.add_done_callback(lambda _: self._land(key))
        return self.flights[key]

    def _land(self, key: Hashable) -> None:
        """Forgets a flight; an error that nobody waits for is as good as none."""
        flight = self.flights.pop(key)
        if not flight.cancelled():
            flight.exception()

    async def stop(self) -> None:
        """Cancels what is under way and waits for its end."""
        await end(*self.flights.values())
