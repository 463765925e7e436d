"""One request and its response over one connection to an upstream.

aiohttp makes the connections, parses whatever is not plain and bounds what waits to be read. Its session, which can do
what any client may want, is left out: it costs twice as much as the whole rest (docs/decisions/0008).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage, StreamWriter

from gateway.proxy.body import Content
from gateway.proxy.connection import UpstreamConnection
from gateway.proxy.headers import Header
from gateway.proxy.whole_response import WholeResponse
from shared.http.server.response_head import LARGEST, LEAST

INFORMATIONAL, SWITCHING_PROTOCOLS = 100, 101

METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
NO_CONTENT = (b"content-length", b"0")
"""A request of these methods without a body should say so (RFC 9110 section 8.6)."""


class ResponseInPieces:
    """What comes back. The connection is kept once all of it is read; leaving the `with` block earlier closes it."""

    def __init__(
        self,
        connection: UpstreamConnection,
        message: RawResponseMessage,
        content: StreamReader,
        sender: asyncio.Task[None] | None,
    ) -> None:
        self.status: int = message.code
        self.headers = [(name.lower(), value) for name, value in message.raw_headers]
        self._connection, self._content, self._sender = connection, content, sender
        self._is_complete = False

    def limit_silence(self, seconds: float) -> None:
        """From now on, reading raises TimeoutError when nothing has come for so long."""
        protocol = self._connection.protocol
        if not self._content.is_eof():
            protocol.read_timeout = seconds
            protocol.start_timeout()

    async def read(self) -> bytes:
        """The whole content, for one that is known to be small. Raises aiohttp.ClientError, TimeoutError."""
        content = await self._content.read()
        self._complete()
        return content

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content as it comes. Raises aiohttp.ClientError and TimeoutError."""
        while chunk := await self._content.readany():
            yield chunk
        self._complete()

    def _complete(self) -> None:
        """Gives the connection back, unless a part of the request has still to be sent over it."""
        if self._sender is None or self._sender.done():
            self._is_complete = True
            self._connection.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sender is not None:
            self._sender.cancel()
        if not self._is_complete:
            self._connection.close()


UpstreamResponse = WholeResponse | ResponseInPieces


def request_head(method: str, target: bytes, headers: list[Header], content: Content) -> bytes:
    """The head of a request as it goes over the wire, with the one header that says where its body ends."""
    framing = content.framing or (NO_CONTENT if method in METHODS_WITH_CONTENT else None)
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        *[name + b": " + value for name, value in (*headers, *((framing,) if framing else ()))],
        b"\r\n",
    ]
    return b"\r\n".join(lines)


async def exchange(
    connection: UpstreamConnection, head: bytes, content: Content, *, bodiless: bool
) -> UpstreamResponse:
    """Sends a request and returns once the head of its response is here; a `bodiless` one (to HEAD) ends with it.

    Raises aiohttp.ClientError, HttpProcessingError and ConnectionError when there is no response, and what the client's
    own stream raised when that broke off. The connection is closed then.
    """
    sender: asyncio.Task[None] | None = None
    try:
        if content.stream is None and not bodiless:
            whole = await connection.ask(head + content.whole)
            if whole is not None:
                connection.release()
                return whole
        else:
            connection.begin_parsing(bodiless=bodiless)
            connection.transport.write(head + content.whole)
        if content.stream is not None:
            sending = send(content.stream, connection.protocol, chunked=content.chunked)
            sender = asyncio.create_task(sending, name="request-body")
        message, payload = await final_head(connection.protocol)
    except BaseException:
        if sender is not None:
            sender.cancel()
        connection.close()
        raise
    return ResponseInPieces(connection, message, payload, sender)


async def final_head(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """The first head that is not merely informational."""
    while True:
        message, payload = await protocol.read()
        if LEAST <= message.code <= LARGEST:
            return message, payload
        if not INFORMATIONAL <= message.code < LEAST or message.code == SWITCHING_PROTOCOLS:
            raise HttpProcessingError(code=502, message=f"a response cannot have the status {message.code} here")


async def send(chunks: AsyncIterator[bytes], protocol: ResponseHandler, *, chunked: bool) -> None:
    """Sends a body while its response is already awaited: an upstream may refuse before it has read all of it."""
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    if chunked:
        writer.enable_chunking()
    try:
        with suppress(ConnectionError):  # the upstream does not listen any more; whoever reads learns what it said
            async for chunk in chunks:
                await writer.write(chunk)
            await writer.write_eof()
    except Exception as error:  # noqa: BLE001 -- whatever stopped the body, the one who waits for the response must hear of it
        protocol.set_exception(error)  # wakes who waits for the response's head …
        if protocol.transport is not None:
            protocol.transport.abort()  # … and ends what has come of a response
