"""The connections to all upstreams, kept by aiohttp; and aiohttp's client over them, for requests of our own."""

import select
from typing import Self

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

KEEPALIVE_SECONDS = 30
"""Shorter than what the services keep idle connections for, so that we never send into one that is being closed."""

CONNECT_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=2)

DNS_SECONDS = 2
"""How long a name's addresses are believed: a replica that has moved is found soon."""


def is_quiet(connection: Connection) -> bool:
    """Whether the kernel has nothing for us on it, the other end's farewell neither."""
    transport = connection.transport
    socket = None if transport is None else transport.get_extra_info("socket")
    if socket is None:
        return False
    kernel = select.poll()
    kernel.register(socket.fileno(), select.POLLIN | select.POLLRDHUP)
    return not kernel.poll(0)


class UpstreamSession:
    """Open within `async with`. The number of connections is bounded by what upstreams have in flight."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None
        self._addresses: dict[URL, ClientRequest] = {}  # mutable: grows by one with each upstream's first request

    @property
    def client(self) -> aiohttp.ClientSession:
        """The open client. Raises RuntimeError before the start and after the end."""
        if self._client is None:
            raise RuntimeError("the session is not open")
        return self._client

    async def connect(self, url: URL) -> Connection:
        """A connection to that scheme, host and port on which nothing is under way: a kept one or a new one.

        Raises aiohttp.ClientConnectorError and TimeoutError. A kept connection over which something has come that
        nobody asked for is not used: it would be taken for the response to the next request. Nor is one that the other
        end has closed, also where the event loop has not come to hear of it: what is sent into it gets no response.
        """
        connector = self.client.connector
        if connector is None:
            raise RuntimeError("the session is closed")
        address = self._addresses.get(url) or self._address(url)
        while True:
            connection = await connector.connect(address, [], CONNECT_TIMEOUT)
            if connection.protocol is not None and not connection.protocol.should_close and is_quiet(connection):
                return connection
            connection.close()

    def _address(self, url: URL) -> ClientRequest:
        """How aiohttp's connector is told where to connect to: a request, which is never sent."""
        return self._addresses.setdefault(url, ClientRequest("GET", url))

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS),
            timeout=CONNECT_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self.client, None
        await client.close()
