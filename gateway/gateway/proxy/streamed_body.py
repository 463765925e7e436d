"""The body of a stream on its way through: as long as it likes, and a few pieces of it here at a time."""

from collections.abc import AsyncIterator, Callable

from starlette.types import Receive, Scope

from gateway.proxy.body import CHUNKED, NOTHING, ClientGoneError, Content
from gateway.proxy.unfinished_bodies import UnfinishedBodies
from shared.http.request_id import header


class StreamedBody:
    """Reads from the client as fast as the service takes it.

    `on_piece` is called with each piece, `on_complete` once the last byte is here.
    """

    given_up = False
    """Nothing waits here that others could need the room of."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        unfinished: UnfinishedBodies,
        on_piece: Callable[[], None],
        on_complete: Callable[[], None],
    ) -> None:
        self._receive, self._unfinished = receive, unfinished
        self._on_piece, self._on_complete = on_piece, on_complete
        self._declared = header(scope, b"content-length")
        self._expected = self._declared is not None or header(scope, b"transfer-encoding") is not None
        self.complete = False

    async def open(self) -> Content:
        """What to send on, once the first piece is here. Raises ClientGoneError."""
        if not self._expected:
            self._finish()
            return NOTHING
        first, more = await self._next()
        if not more:
            return Content((b"content-length", b"%d" % len(first)), first)
        framing = CHUNKED if self._declared is None else (b"content-length", self._declared)
        return Content(framing, stream=self._stream(first))

    def refuse_given_up(self) -> None:
        """Nothing to refuse."""

    def end(self) -> None:
        """Nothing of it is needed any more."""

    async def _stream(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        more = True
        while more:
            chunk, more = await self._next()
            yield chunk

    async def _next(self) -> tuple[bytes, bool]:
        """The next piece, and whether more follow."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk, more = message.get("body", b""), message.get("more_body", False)
        self._unfinished.has_passed(len(chunk))
        self._on_piece()
        if not more:
            self._finish()
        return chunk, more

    def _finish(self) -> None:
        self.complete = True
        self._on_complete()
