"""What goes to the client: written at once, awaited when the client reads slowly, cut when it does not read at all."""

import asyncio
from math import inf

from shared.http.bounds import Bounds
from shared.http.refusal import CUTS


class Outgoing:
    """The writing half of a connection."""

    def __init__(self, transport: asyncio.Transport, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._bounds, self._loop = transport, bounds, loop
        self._waiter: asyncio.Future[None] | None = None
        self._unread = 0  # bytes that were not taken when this was last looked at
        self.paused = False
        self.due = inf
        """When so much must have been taken that the client counts as one that reads."""

    def write(self, data: bytes) -> None:
        """Sends to the client."""
        self._transport.write(data)

    def pause(self) -> None:
        """The client reads more slowly than the response is written."""
        self.paused = True
        self.watch()

    def resume(self) -> None:
        """It has caught up, or left."""
        self.paused, self.due = False, inf
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def writable(self) -> None:
        """Returns once the client has read on, or left."""
        while self.paused:
            if self._waiter is None or self._waiter.done():
                self._waiter = self._loop.create_future()
            await self._waiter

    def watch(self) -> None:
        """From now on the client has to read."""
        self._unread = self.unread
        self.due = self._loop.time() + self._bounds.progress_seconds

    @property
    def unread(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def overdue(self) -> None:
        """Enough was taken meanwhile, or nobody reads."""
        if self._unread - self.unread >= self._bounds.progress_bytes:
            self.watch()
        else:
            CUTS.by_labels[("unread",)] += 1
            self.abort()

    def end_stream(self) -> None:
        """Nothing more will be written; the client may still write."""
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Ends the connection once the client has taken what was written."""
        self.watch()
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection now."""
        self.due = inf
        self._transport.abort()
