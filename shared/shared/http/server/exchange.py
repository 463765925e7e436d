"""One request and its response: the application's side of a connection, as ASGI describes it."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message

from shared.http.problems import MEDIA_TYPE, problem_body
from shared.http.request_id import HEADER, HEADER_INDEX, new_request_id, sane_request_id
from shared.http.server.refusal import Refused
from shared.http.server.request_head import Head
from shared.http.server.response_head import BODILESS, NO_CONTENT, Ending, ResponseError, response_head

if TYPE_CHECKING:
    from shared.http.server.connection import Connection

SCOPE_KEY = "exchange"
"""Where the scope of a request carries its exchange."""

BODY_HIGH_WATER = 65_536
"""Bytes of a body that wait for the application; then reading stops."""

DISCONNECT: Message = {"type": "http.disconnect"}

log = structlog.get_logger()


class Exchange:
    """Lives from the end of a request's head to the end of the response."""

    __slots__ = (
        "_chunked", "_connection", "_content", "_end_told", "_head", "_keep_alive", "_left", "_on_lost", "_outgoing",
        "_pending", "_reader", "_request_id", "_silent", "body_complete", "complete", "lost", "refused", "running",
        "started", "unwanted", "waiting_bytes", "wants_continue",
    )  # fmt: skip

    def __init__(self, connection: "Connection", head: Head) -> None:
        self._connection, self._outgoing, self._head = connection, connection.outgoing, head
        self._content: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._on_lost: Callable[[], None] | None = None
        self._pending: tuple[list[bytes], Ending, int] | None = None  # a head whose first piece of body is to come
        self._left: int | None = None
        self._chunked = self._silent = self._end_told = False
        self._keep_alive, self.wants_continue = head.keep_alive, head.expects_continue
        self.waiting_bytes = 0
        self._request_id: str | None = None
        self.refused: Refused | None = None
        """Why the server itself has answered, while the application was at work."""
        self.unwanted = False
        """Whether what still comes of the body is dropped."""
        self.running = False
        self.body_complete = self.lost = self.started = self.complete = False

    async def run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        """Lets the application answer. What it leaves unanswered is a 500; what it leaves unfinished is cut."""
        scope[SCOPE_KEY] = self
        scope[HEADER_INDEX] = self._head.by_name
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            if not self.lost:
                log.exception("the application failed", path=self._head.path)
        if self.lost or self.complete:
            return
        if self.begun:
            self._connection.cut(told=self._chunked or self._left is not None)
        else:
            await self._send_500()

    async def _send_500(self) -> None:
        body = problem_body(500, instance=self._head.path)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    @property
    def begun(self) -> bool:
        """Whether the client has seen a part of the response."""
        return self.started and self._pending is None

    @property
    def request_id(self) -> str:
        """The id of the request: the client's, when it is a sane one, or a new one."""
        if self._request_id is None:
            self._request_id = sane_request_id(self._head.by_name.get(HEADER)) or new_request_id()
        return self._request_id

    def refuse(self, refused: Refused) -> None:
        """What comes of the body is not taken: the client is not listened to any more."""
        refused.concerns(self._head.method.encode(), self._head.raw_path, {})
        refused.request_id = self.request_id
        self.refused = refused
        self.lose()

    # What the client sends

    def feed(self, content: list[bytes], *, complete: bool) -> None:
        """More of the body, perhaps its end."""
        if not (self.complete or self.unwanted):
            self._content += content
            self.waiting_bytes += sum(map(len, content))
        self.body_complete = complete
        self._wake()

    def lose(self) -> None:
        """The client has left, or is not listened to any more."""
        self.lost = True
        self._wake()
        if self._on_lost is not None:
            self._on_lost()

    def call_when_lost(self, callback: Callable[[], None]) -> None:
        """Calls `callback` when the client leaves, or at once when it has left already."""
        self._on_lost = callback
        if self.lost:
            callback()

    def forget(self) -> None:
        """Nobody is called any more."""
        self._on_lost = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def receive(self) -> Message:
        """The next piece of the body; once its end was told, the end of the exchange."""
        while not (self.lost or self.complete):
            if self._content or (self.body_complete and not self._end_told):
                return self._take()
            if not self.body_complete:
                self._connection.read_on()
            if self._has_no_news():  # what had arrived before may have been understood just now
                await self._arrival()
        return DISCONNECT

    def _has_no_news(self) -> bool:
        """Whether the application, which waits, has to wait on."""
        return not (self._content or self.lost or (self.body_complete and not self._end_told))

    def _take(self) -> Message:
        body = self._content[0] if len(self._content) == 1 else b"".join(self._content)
        self._content, self.waiting_bytes = [], 0
        self._end_told = self.body_complete
        return {"type": "http.request", "body": body, "more_body": not self._end_told}

    async def _arrival(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = self._connection.loop.create_future()
        await self._reader

    # What the application sends

    async def send(self, message: Message) -> None:
        """Writes a piece of the response. Raises ResponseError.

        The head waits for the first piece of its body; until then another may replace it.
        """
        if self._outgoing.paused and not self.lost:
            await self._outgoing.writable()
        kind = message["type"]
        if not self.body_complete and self._pending is not None and not message.get("more_body", False):
            await self._take_the_rest()
        if self.lost:
            return
        if kind == "http.response.start" and not self.begun:
            status = message["status"]
            self._pending = (*response_head(status, message.get("headers", ()), self._connection.date()), status)
            self.started = True
        elif not self.started or self.complete or kind != "http.response.body":
            raise ResponseError(f"{kind} is not expected now")
        else:
            self._write(message.get("body", b""), last=not message.get("more_body", False))

    def answer_now(self) -> None:
        """No more of the body is waited for."""
        self.unwanted = False
        self._wake()

    async def _take_the_rest(self) -> None:
        """Before a whole response to half a request, where the connection says so."""
        self.unwanted, self._content, self.waiting_bytes = self._connection.drops_first(self), [], 0
        while self.unwanted and not (self.body_complete or self.lost):
            self._connection.read_on()
            await self._arrival()

    def _write(self, body: bytes, *, last: bool) -> None:
        data = self._head_before(body, last=last) if self._pending is not None else []
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                raise ResponseError("the body has another length than the response says")
        if not self._chunked:
            data.append(b"" if self._silent else body)
        else:
            if body:
                data += (b"%x\r\n" % len(body), body, b"\r\n")
            if last:
                data.append(b"0\r\n\r\n")
        self._outgoing.write(b"".join(data))
        if last:
            self.complete = True
            self._content, self.waiting_bytes = [], 0
            self._wake()
            self._connection.response_complete(keep_alive=self._keep_alive)

    def _head_before(self, body: bytes, *, last: bool) -> list[bytes]:
        """The rest of the head, now that one knows whether `body` is all there is to follow."""
        assert self._pending is not None  # noqa: S101 - for the type checker
        (lines, ending, status), self._pending = self._pending, None
        length, keep_alive = ending.length, self._keep_alive and not ending.close and self._connection.may_stay()
        self._silent = self._head.method == "HEAD" or status in BODILESS
        if not self._silent:
            self._left = length = len(body) if last and length is None else length
            if length is None and self._head.http_version == "1.1":
                self._chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
            keep_alive = keep_alive and (length is not None or self._chunked)
        if length is not None and status != NO_CONTENT:
            lines.append(b"content-length: %d\r\n" % length)
        self._keep_alive = keep_alive
        lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        return lines
