"""The body of a request on its way through: bounded in size, held whole only while it is small.

A small body is complete before anybody else hears of it; of a larger one the beginning is, and the rest is a stream.
"""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from starlette.types import Receive, Scope

from gateway.proxy.unfinished_bodies import UnfinishedBodies
from shared.http.problems import Overloaded, Problem
from shared.http.request_id import header

AWAITED_BYTES = 65_536
"""A body of more bytes than this is sent on before it is complete."""


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


class ClientBody:
    """A body as its client sends it, piece after piece. `on_complete` is called once the last byte is here."""

    given_up = False
    """Whether it was let go of because others needed the room."""

    def __init__(self, scope: Scope, receive: Receive, on_complete: Callable[[], None]) -> None:
        self._receive, self._on_complete = receive, on_complete
        self._declared = header(scope, b"content-length")
        self._expected = self._declared is not None or header(scope, b"transfer-encoding") is not None
        self.complete = False

    async def open(self) -> Content:
        """What to send on, once the beginning is here. Raises ClientGoneError, and what its kind refuses."""
        if not self._expected:
            self._finish()
            return NOTHING
        self._check_declared()
        first, more = await self._next()
        if more:
            first = await self._beginning(first)
        if self.complete:
            return Content((b"content-length", b"%d" % len(first)), first)
        framing = CHUNKED if self._declared is None else (b"content-length", self._declared)
        return Content(framing, stream=self._stream(first))

    def refuse_given_up(self) -> None:
        """Raises Overloaded when this body was given up."""

    def end(self) -> None:
        """Nothing of it is needed any more."""

    def _check_declared(self) -> None:
        """Looks at the declared length, before anything is read."""

    async def _beginning(self, first: bytes) -> bytes:
        """What there must be before anything is sent on."""
        return first

    def _came(self, size: int) -> None:
        """So many bytes more are here."""

    async def _stream(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while not self.complete:
            chunk, _ = await self._next()
            yield chunk

    async def _next(self) -> tuple[bytes, bool]:
        """The next piece, and whether more follow."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk, more = message.get("body", b""), message.get("more_body", False)
        self._came(len(chunk))
        if not more:
            self._finish()
        return chunk, more

    def _finish(self) -> None:
        self.complete = True
        self._on_complete()


class RequestBody(ClientBody):
    """A bounded body: a small one is sent on once it is complete, a larger one once AWAITED_BYTES of it are here.

    `on_given_up` is called when there is no memory to wait for it. Opening it raises BodyTooLarge and Overloaded.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        max_bytes: int,
        unfinished: UnfinishedBodies,
        on_complete: Callable[[], None],
        on_given_up: Callable[[], None],
    ) -> None:
        super().__init__(scope, receive, on_complete)
        self._max_bytes, self._unfinished, self._on_given_up = max_bytes, unfinished, on_given_up
        self._pieces: list[bytes] = []
        self._read = 0

    def _check_declared(self) -> None:
        if self._declared is not None and int(self._declared) > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)

    async def _beginning(self, first: bytes) -> bytes:
        """All of a small body, or so much of a larger one that its client has shown to mean it."""
        self._pieces.append(first)
        more, piece = True, first
        try:
            while more and self._read <= AWAITED_BYTES:
                self._unfinished.add(self, len(piece))
                piece, more = await self._next()
                self.refuse_given_up()
                self._pieces.append(piece)
        finally:
            self._unfinished.remove(self)
        beginning = b"".join(self._pieces)
        self._pieces.clear()
        return beginning

    def give_up(self) -> None:
        """Others need the room."""
        self.given_up = True
        self._pieces.clear()
        self._on_given_up()

    def end(self) -> None:
        """Nothing of it is needed any more."""
        if self._read > AWAITED_BYTES:
            self._unfinished.has_passed(self._read)

    def refuse_given_up(self) -> None:
        """Raises Overloaded when this body was given up."""
        if self.given_up:
            raise Overloaded("Too many bytes of unfinished requests are here.")

    def _came(self, size: int) -> None:
        self._read += size
        if self._read > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
