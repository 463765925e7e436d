"""The body of a request on its way through: bounded in size, never held whole unless it came in one piece."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from starlette.types import Receive, Scope

from shared.runtime.problems import Problem
from shared.runtime.request_id import header


class BodyTooLarge(Problem):
    """More than MAX_BODY_BYTES. The connection is closed: the rest of the body is not read."""

    status = 413
    title = "Content Too Large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The body may have at most {max_bytes} bytes.", headers={"Connection": "close"})


class BodyTooSlow(Problem):
    """The body did not arrive in time."""

    status = 408
    title = "Request Timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The body did not arrive within {seconds:g} s.", headers={"Connection": "close"})


class ClientGoneError(Exception):
    """The client hung up; nobody is there to answer."""


class Content(NamedTuple):
    """A body to send on: all of it, or a stream; and the header that says where it ends, which is always our own."""

    framing: tuple[bytes, bytes] | None
    whole: bytes = b""
    stream: AsyncIterator[bytes] | None = None

    @property
    def chunked(self) -> bool:
        """Whether the stream has to mark its end itself."""
        return self.framing == CHUNKED


CHUNKED = (b"transfer-encoding", b"chunked")
NOTHING = Content(None)


class RequestBody:
    """Reads from the client. `on_complete` is called once the last byte is here."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int, on_complete: Callable[[], None]) -> None:
        self._receive, self._max_bytes, self._on_complete = receive, max_bytes, on_complete
        self._declared = header(scope, b"content-length")
        self._expected = self._declared is not None or header(scope, b"transfer-encoding") is not None
        self._read = 0
        self.complete = False

    async def open(self) -> Content:
        """What to send on. Raises BodyTooLarge (from the declared length: before anything is read), ClientGoneError."""
        if not self._expected:
            self._finish()
            return NOTHING
        if self._declared is not None and int(self._declared) > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        first, more = await self._next()
        if not more:
            return Content((b"content-length", b"%d" % len(first)), first)
        framing = CHUNKED if self._declared is None else (b"content-length", self._declared)
        return Content(framing, stream=self._stream(first))

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
        self._read += len(chunk)
        if self._read > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        if not more:
            self._finish()
        return chunk, more

    def _finish(self) -> None:
        self.complete = True
        self._on_complete()
