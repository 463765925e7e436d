"""The connections to all upstreams, made by aiohttp; and aiohttp's clients, for requests of our own."""

from contextlib import AbstractAsyncContextManager
from typing import Self

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import BaseConnector

from gateway.proxy.address import Address
from gateway.proxy.connection import IdleConnections, UpstreamConnection

KEEPALIVE_SECONDS = 30
"""Shorter than what the services keep idle connections for, so that we never send into one that is being closed."""

CONNECT_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=2)

DNS_SECONDS = 2
"""How long a name's addresses are believed: a replica that has moved is found soon."""


def connector_to(socket: str | None) -> BaseConnector:
    """A maker of connections, without a bound of its own."""
    if socket is not None:
        return aiohttp.UnixConnector(socket, limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS)


class UpstreamSession:
    """Open within `async with`. The number of connections is bounded by what upstreams have in flight."""

    def __init__(self) -> None:
        self._open = False
        # mutable: all grow by one with the first request of each upstream, or of each socket
        self._ways: dict[Address, tuple[BaseConnector, ClientRequest]] = {}
        self._clients: dict[str | None, aiohttp.ClientSession] = {}
        self._idle: dict[Address, IdleConnections] = {}

    def get(self, address: Address, path: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The response to a request of our own. Raises as aiohttp does."""
        return self._client(address.socket).get(f"{address.url}{path}")

    async def connect(self, address: Address) -> UpstreamConnection:
        """A connection to that place on which nothing is under way: a kept one or a new one.

        Raises aiohttp.ClientConnectorError, ConnectionError and TimeoutError. A kept connection over which something
        has come that nobody asked for is not used: it would be taken for the response to the next request. Nor is one
        that the other end has closed, also where the event loop has not come to hear of it: what is sent into it gets
        no response.
        """
        idle = self._idle.get(address) or self._idle.setdefault(address, IdleConnections(KEEPALIVE_SECONDS))
        if (kept := idle.take()) is not None:
            return kept
        connector, request = self._ways.get(address) or self._way(address)
        while True:
            made = await connector.connect(request, [], CONNECT_TIMEOUT)
            connection = UpstreamConnection(made, idle.keep)
            if connection.is_quiet():
                return connection
            connection.close()

    def _way(self, address: Address) -> tuple[BaseConnector, ClientRequest]:
        """A connector, and how it is told where to connect to: a request, which is never sent."""
        connector = self._client(address.socket).connector
        if connector is None:
            raise RuntimeError("the session is closed")
        return self._ways.setdefault(address, (connector, ClientRequest("GET", address.url)))

    def _client(self, socket: str | None) -> aiohttp.ClientSession:
        """That of a socket, or of all other addresses. Raises RuntimeError before the start and after the end."""
        if not self._open:
            raise RuntimeError("the session is not open")
        if socket not in self._clients:
            self._clients[socket] = aiohttp.ClientSession(
                connector=connector_to(socket), timeout=CONNECT_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._clients[socket]

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        self._ways.clear()
        for idle in self._idle.values():
            idle.close()
        self._idle.clear()
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
