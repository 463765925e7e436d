"""A connection to an upstream, which is asked one thing at a time.

aiohttp has made it, and parses what comes over it, but for the responses that nearly all are (whole_response.py).
"""

import asyncio
import select
from collections import deque
from collections.abc import Callable

from aiohttp import ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from gateway.proxy.whole_response import WholeResponse, whole_response

READ_BUFFER_BYTES = 65_536
"""Of a response that the client reads more slowly than the upstream sends, twice as much is held."""


class UpstreamConnection(asyncio.Protocol):
    """Stands between aiohttp's transport and protocol; `keep` takes it back when it can be used again.

    Raises ConnectionError when `made` was lost at once.
    """

    idle_since = 0.0
    """By the clock of the event loop."""

    def __init__(self, made: Connection, keep: Callable[["UpstreamConnection"], None]) -> None:
        protocol, transport = made.protocol, made.transport
        if protocol is None or transport is None:
            raise ConnectionError("the connection was lost at once")
        self.protocol: ResponseHandler = protocol
        self.transport: asyncio.Transport = transport
        self._made, self._keep = made, keep
        self._asked: asyncio.Future[WholeResponse | None] | None = None
        self._kernel = select.poll()
        self._kernel.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
        transport.set_protocol(self)

    def is_quiet(self) -> bool:
        """Whether nothing has come over it that nobody asked for, the other end's farewell neither.

        The kernel is asked as well: the event loop may not have come to hear of it.
        """
        return not (self.transport.is_closing() or self.protocol.should_close or self._kernel.poll(0))

    def ask(self, request: bytes) -> asyncio.Future[WholeResponse | None]:
        """Sends a request; the response to come, or None: aiohttp's protocol is reading it.

        The future raises aiohttp.ClientError and ConnectionError.
        """
        self._asked = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._asked

    def begin_parsing(self, *, bodiless: bool) -> None:
        """From now on aiohttp's protocol gets what comes; a `bodiless` response ends with its head."""
        self.protocol.set_response_params(
            skip_payload=bodiless, read_until_eof=True, auto_decompress=False, read_bufsize=READ_BUFFER_BYTES
        )

    def release(self) -> None:
        """The response is here: this waits for the next request, unless the upstream closes it or has sent too much."""
        if self.transport.is_closing() or self.protocol.should_close:
            self.close()
        else:
            self._keep(self)

    def close(self) -> None:
        """Ends it."""
        self._made.close()

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        asked, self._asked = self._asked, None
        if asked is None:
            self.protocol.data_received(data)
            return
        response = whole_response(data)
        if response is None:
            self.begin_parsing(bodiless=False)
            self.protocol.data_received(data)
        if not asked.done():
            asked.set_result(response)

    def eof_received(self) -> None:
        """The other end says no more."""
        self.protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.protocol.connection_lost(exc)
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(self.protocol.exception() or ServerDisconnectedError())

    def pause_writing(self) -> None:
        """The other end reads more slowly than is written."""
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.protocol.resume_writing()


class IdleConnections:
    """Those to one place, used in turn, for there may be replicas. None is kept for longer than `keepalive_seconds`."""

    def __init__(self, keepalive_seconds: float) -> None:
        self._keepalive_seconds = keepalive_seconds
        self._loop = asyncio.get_running_loop()
        self._idle = deque[UpstreamConnection]()  # mutable: who has waited longest stands first
        self._sweep: asyncio.TimerHandle | None = None

    def take(self) -> UpstreamConnection | None:
        """One that is fit for use, if there is any."""
        oldest = self._loop.time() - self._keepalive_seconds
        while self._idle:
            connection = self._idle.popleft()
            if connection.idle_since >= oldest and connection.is_quiet():
                return connection
            connection.close()
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        """For the next request."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._keepalive_seconds, self._close_old)

    def _close_old(self) -> None:
        oldest = self._loop.time() - self._keepalive_seconds
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.popleft().close()
        self._sweep = (
            self._loop.call_at(self._idle[0].idle_since + self._keepalive_seconds, self._close_old)
            if self._idle
            else None
        )

    def close(self) -> None:
        """Closes all."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()
