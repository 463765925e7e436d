"""One timer for all requests in flight instead of one or more each: a timer costs more than most stops on the way."""

import asyncio
from types import TracebackType
from typing import Self

from shared.asyncio.background import Background
from shared.asyncio.clock import Clock

SWEEP_SECONDS = 0.1
"""How late a deadline may be noticed. Deadlines here are seconds long."""


class Deadlines:
    """Ends blocks whose time is over. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.due: dict[Deadline, float] = {}
        """When those blocks end that have an end."""

    def watched(self) -> Background:
        """A block within which deadlines are kept."""
        return Background(self._sweep_forever, "deadlines")

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.clock()
            for deadline in [deadline for deadline, due in self.due.items() if due <= now]:
                deadline.clear()
                deadline.end()


class Deadline:
    """A `with` block within a task; it ends with TimeoutError once its time is over, like that of `asyncio.timeout`.

    At first it may take as long as it likes.
    """

    __slots__ = ("_cancelling", "_deadlines", "_is_over", "_task")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines, self._is_over = deadlines, False
        self._task: asyncio.Task[object] | None = None  # while the block lasts
        self._cancelling = 0

    def set(self, seconds: float) -> None:
        """From now on the block has so many seconds."""
        self._deadlines.due[self] = self._deadlines.clock() + seconds

    def renew(self, seconds: float) -> None:
        """From now on it has so many seconds, unless it may take as long as it likes."""
        if self in self._deadlines.due:
            self.set(seconds)

    def clear(self) -> None:
        """It may take as long as it likes, or is over."""
        self._deadlines.due.pop(self, None)

    def end(self) -> None:
        """Its time is over, from the event loop's next turn on: in this one its task may be the one that runs."""
        asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._is_over:
            self._is_over = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is None:
            raise RuntimeError("only tasks have deadlines")
        self._cancelling = self._task.cancelling()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        self.clear()
        if not self._is_over or task is None or task.uncancel() > self._cancelling:
            return  # if it is cancelled at all, then by somebody else as well
        if kind is asyncio.CancelledError:
            raise TimeoutError from error
