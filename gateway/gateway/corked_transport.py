"""One system call for everything that is written in one turn of the event loop.

An ASGI answer is written as head and body, and the loop sends each at once. Joined, a small answer is one packet and
one call into the kernel, which is a good part of what a small answer costs.
"""

import asyncio
from typing import Any


class CorkedTransport:
    """A transport that holds what is written until the turn is over; everything else goes straight through."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Holds `data`, to be sent with what follows in this turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Sends what is held."""
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Closes the connection after what is held has been sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
