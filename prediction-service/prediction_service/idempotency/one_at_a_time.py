"""One request per key at a time in this process; whoever comes meanwhile waits, for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.http.problems import Problem

WAIT_SECONDS = 10.0
"""Longer than nearly all predictions take, shorter than most clients wait."""


class KeyInUse(Problem):
    """The first request with this key has no response yet."""

    status = 409
    type = "urn:problem-type:idempotency-key-in-use"
    title = "Idempotency-Key In Use"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being answered.", headers={"Retry-After": "1"}
        )


class OneAtATime:
    """Whose turn it is under each key."""

    def __init__(self) -> None:
        self._ends: dict[bytes, asyncio.Event] = {}

    @asynccontextmanager
    async def turn(self, key: bytes, seconds: float | None) -> AsyncIterator[None]:
        """A block within which nobody else has this key. `seconds`: what the caller waits at most. Raises KeyInUse."""
        try:
            async with asyncio.timeout(min(seconds or WAIT_SECONDS, WAIT_SECONDS)):
                while other := self._ends.get(key):
                    await other.wait()
        except TimeoutError:
            raise KeyInUse from None
        self._ends[key] = end = asyncio.Event()
        try:
            yield
        finally:
            del self._ends[key]
            end.set()
