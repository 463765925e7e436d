"""The body of a request on its way through: bounded in size, never held whole unless it came in one piece."""

from collections.abc import AsyncIterator, Callable

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


class RequestBody:
    """Reads from the client. `on_complete` is called once the last byte is here."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int, on_complete: Callable[[], None]) -> None:
        self._receive, self._max_bytes, self._on_complete = receive, max_bytes, on_complete
        self._declared = header(scope, b"content-length")
        self._expected = self._declared is not None or header(scope, b"transfer-encoding") is not None
        self._read = 0
        self.complete = False
        self.failure: Exception | None = None
        """What ended the stream early; the HTTP client that reads from it hides the reason."""

    async def open(self) -> bytes | AsyncIterator[bytes] | None:
        """The body to send on: None, all of it in one piece, or a stream.

        Raises BodyTooLarge (from the declared length: before anything is read) and ClientGoneError.
        """
        if not self._expected:
            self._finish()
            return None
        if self._declared is not None and int(self._declared) > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        first, more = await self._next()
        return self._stream(first) if more else first

    async def _stream(self, first: bytes) -> AsyncIterator[bytes]:
        try:
            yield first
            more = True
            while more:
                chunk, more = await self._next()
                yield chunk
        except (Problem, ClientGoneError) as failure:
            self.failure = failure
            raise

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
