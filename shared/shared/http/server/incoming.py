"""What comes from the client: bytes that wait to be understood, and whether more are read."""

import asyncio

from shared.http.server.bounds import Bounds
from shared.http.server.refusal import Refused
from shared.http.server.request_head import refuse_impossible, tell_what_is_readable

END_OF_HEAD = b"\r\n\r\n"

HELD_BYTES = 65_536
"""What may wait behind the request that is being answered, in bytes."""


class Incoming:
    """The reading half of a connection."""

    def __init__(self, transport: asyncio.Transport, bounds: Bounds) -> None:
        self._transport, self._bounds = transport, bounds
        self._looked_at = 0  # bytes of an unfinished head
        self.waiting = bytearray()
        """What has come and is not understood yet."""
        self.moved = 0
        """Bytes that have come, or were dropped, since somebody last looked."""
        self.came = 0
        """Bytes that have come while a body was awaited, of all bodies so far."""
        self.reading = True

    def take_head(self) -> bytes | None:
        """The head at the front of what waits; None: it is not complete. Raises Refused for what cannot become one."""
        waiting, seen = self.waiting, self._looked_at
        end = waiting.find(END_OF_HEAD, max(seen - 3, 0)) + 4
        if end > 3:
            head = bytes(waiting[:end])
            del waiting[:end]
            self._looked_at = 0
            return head
        self._looked_at = len(waiting)
        try:
            self.bound_head(self._looked_at)
            refuse_impossible(waiting, seen)
        except Refused as refused:
            tell_what_is_readable(refused, bytes(waiting))
            raise
        return None

    def bound_head(self, length: int) -> None:
        """Raises Refused for a head, or a part of one, that is too long."""
        if length > self._bounds.max_head_bytes:
            raise Refused(431, "head_too_large", f"A head may have {self._bounds.max_head_bytes} bytes.")

    def hold(self) -> None:
        """Stops reading when enough waits behind the request that is being answered."""
        waiting, most = self.waiting, self._bounds.max_pipelined_requests
        if len(waiting) > HELD_BYTES or (waiting and waiting.count(END_OF_HEAD) >= most):
            self.pause()

    def pause(self) -> None:
        """Nothing more is read, until `resume`."""
        if self.reading:
            self.reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if not self.reading:
            self.reading = True
            self._transport.resume_reading()
