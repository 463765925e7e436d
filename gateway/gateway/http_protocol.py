"""uvicorn's HTTP/1.1 protocol with the bounds that a server facing strangers needs.

uvicorn's parser (llhttp, strict) refuses ambiguous framing. What it lacks: a bound on the size of a request's head, a
bound on the time a head may take, and problem+json for what cannot be parsed.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.client_connection import SCOPE_KEY, ClientConnection
from gateway.corked_transport import CorkedTransport
from shared.runtime.problems import MEDIA_TYPE, problem_body

MAX_HEAD_BYTES = 32_768
"""Request line and headers together; more is refused with 431. Common servers allow 8 to 64 KiB."""

HEAD_SECONDS = 15.0
"""From the first byte of a request to the end of its head; a slower client is refused with 408."""


SWEEP_SECONDS = 0.5
"""How late a slow head may be noticed."""

SPOKEN_VERSIONS = frozenset({"1.0", "1.1"})
"""The parser would also take HTTP/0.9, which has neither headers nor lengths."""


class SlowHeads:
    """The connections in the middle of a head, under one timer instead of one each."""

    def __init__(self) -> None:
        self._since: dict[GatewayHttpProtocol, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: "GatewayHttpProtocol") -> None:
        """A head has begun, perhaps some time ago."""
        self._since.setdefault(connection, connection.loop.time())
        if self._timer is None:
            self._timer = connection.loop.call_later(SWEEP_SECONDS, self._sweep, connection.loop)

    def forget(self, connection: "GatewayHttpProtocol") -> None:
        """The head has ended, or the connection has."""
        self._since.pop(connection, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        too_old = loop.time() - HEAD_SECONDS
        for connection in [connection for connection, since in self._since.items() if since <= too_old]:
            connection.refuse_slow_head()
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep, loop) if self._since else None


slow_heads_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, SlowHeads] = WeakKeyDictionary()
# mutable: the protocols of a loop add to its entry


class GatewayHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0  # of an unfinished head, without the piece that it began in
        self._piece_bytes = 0  # of what is being parsed
        self._client_connection = ClientConnection()
        self._slow_heads = slow_heads_of_loop.setdefault(self.loop, SlowHeads())

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A new connection."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", CorkedTransport(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, unless the head has grown too large or refused before."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        self._piece_bytes = len(data)
        super().data_received(data)
        if not self._in_head:
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        else:
            self._slow_heads.watch(self)

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The end of the head: the request starts."""
        may_be_too_large = self._head_bytes + self._piece_bytes > MAX_HEAD_BYTES  # rarely; then it is measured
        self._leave_head()
        if self.parser.get_http_version() not in SPOKEN_VERSIONS:
            self.refuse(HTTPStatus.BAD_REQUEST, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        elif may_be_too_large and self._size_of_head() > MAX_HEAD_BYTES:
            self._refuse_head()
        else:
            cast("dict[str, object]", self.scope)[SCOPE_KEY] = self._client_connection
            super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._leave_head()
        self._client_connection.lose()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What the parser did not accept."""
        self.refuse(HTTPStatus.BAD_REQUEST, msg)

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answers, once, without having understood the request, and closes."""
        self._leave_head()
        if self.transport.is_closing():
            return
        body = problem_body(status, detail=detail)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _refuse_head(self) -> None:
        self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A head may have {MAX_HEAD_BYTES} bytes.")

    def refuse_slow_head(self) -> None:
        """The rest of the head did not come in time."""
        self.refuse(HTTPStatus.REQUEST_TIMEOUT, f"The head did not arrive within {HEAD_SECONDS:g} s.")

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _leave_head(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._slow_heads.forget(self)

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: any stranger could fill the log with it. The request is answered as if it had not asked."""
