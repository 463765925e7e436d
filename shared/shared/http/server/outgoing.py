"""What goes to the client: awaited when the client reads slowly, cut when it does not read at all.

A small piece waits for the end of the event loop's turn. Sent at once, each would wake its reader, who would do its
part and sleep again before the next response is made; sent one after the other, many find their readers awake, and
waking is a good part of what a small response costs.
"""

import asyncio
from math import inf

from shared.http.server.bounds import Bounds
from shared.http.server.refusal import CUTS

SMALL = 16_384
"""A piece up to this size waits, in bytes."""


class Outgoing:
    """The writing half of a connection."""

    def __init__(self, transport: asyncio.Transport, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._bounds, self._loop = transport, bounds, loop
        self._waiter: asyncio.Future[None] | None = None
        self._waiting = b""  # a small piece, until the turn is over
        self._unread = 0  # bytes that were not taken when this was last looked at
        self.paused = False
        self.due = inf
        """When so much must have been taken that the client counts as one that reads."""

    def write(self, data: bytes) -> None:
        """Sends to the client, before another turn of the event loop is over."""
        if not self._waiting and len(data) <= SMALL:
            self._waiting = data
            self._loop.call_soon(self._flush)
        else:
            data, self._waiting = self._waiting + data, b""
            self._transport.write(data)

    def _flush(self) -> None:
        if self._waiting:
            data, self._waiting = self._waiting, b""
            self._transport.write(data)

    def pause(self) -> None:
        """The client reads more slowly than the response is written."""
        self.paused = True
        self.watch()

    def resume(self) -> None:
        """It has caught up."""
        self.paused, self.due = False, inf
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lose(self) -> None:
        """The client has left: nobody is there to wait for."""
        self._waiting = b""
        self.resume()

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
        return len(self._waiting) + self._transport.get_write_buffer_size()

    def overdue(self) -> None:
        """Enough was taken meanwhile, or nobody reads."""
        if self._unread - self.unread >= self._bounds.progress_bytes:
            self.watch()
        else:
            CUTS.by_labels[("unread",)] += 1
            self.abort()

    def end_stream(self) -> None:
        """Nothing more will be written; the client may still write."""
        self._flush()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Ends the connection once the client has taken what was written."""
        self._flush()
        self.watch()
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection now."""
        self._flush()
        self.due = inf
        self._transport.abort()
