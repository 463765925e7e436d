"""One timer for all requests in flight instead of one or more each: a timer costs more than most stops on the way."""

import asyncio

from shared.asyncio.background import Background
from shared.asyncio.clock import Clock

SWEEP_SECONDS = 0.1
"""How late a deadline may be noticed. Deadlines here are seconds long."""


class Deadlines:
    """Ends `asyncio.timeout` blocks whose time is over. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[asyncio.Timeout, float] = {}

    def set(self, block: asyncio.Timeout, seconds: float) -> None:
        """From now on the block has so many seconds."""
        self._due[block] = self._clock() + seconds

    def renew(self, block: asyncio.Timeout, seconds: float) -> None:
        """From now on it has so many seconds, unless it may take as long as it likes."""
        if block in self._due:
            self.set(block, seconds)

    def clear(self, block: asyncio.Timeout) -> None:
        """The block may take as long as it likes, or is over."""
        self._due.pop(block, None)

    def watched(self) -> Background:
        """A block within which deadlines are kept."""
        return Background(self._sweep_forever, "deadlines")

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._clock()
            for block in [block for block, due in self._due.items() if due <= now]:
                self.clear(block)
                block.reschedule(0)
