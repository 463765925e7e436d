"""Who may connect, and what all connections share: bounds, hosts, the application, one timer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from shared.http.server.bounds import Bounds
from shared.http.server.connection import Connection
from shared.http.server.host import Hosts
from shared.http.server.refusal import CUTS, Refused

SWEEP_SECONDS = 0.25
"""How late a deadline may be noticed; they are seconds long. One timer for all connections costs less than one each."""

REFUSED_AT_ONCE = 256
"""Connections beyond a bound that are being told so; further ones are closed without a word."""


def nobody(peer: str) -> str | None:
    """Counts no peer on its own."""
    return None


def no_proxy(peer: str) -> bool:
    """Takes every peer for a client."""
    return False


class Door:
    """Makes the connections of one server: what uvicorn takes for a protocol class.

    `counted` names the client for a peer's address, or None for one that is not counted, such as a proxy that speaks
    for many; `is_proxy` tells those.
    """

    def __init__(
        self,
        bounds: Bounds,
        hosts: Hosts,
        counted: Callable[[str], str | None] = nobody,
        max_connections_per_client: int = 0,
        is_proxy: Callable[[str], bool] = no_proxy,
    ) -> None:
        self.bounds, self.hosts, self.is_proxy = bounds, hosts, is_proxy
        self._counted, self._max_per_client = counted, max_connections_per_client
        self._per_client: Counter[str] = Counter()
        self._admitted: set[Connection] = set()
        self._refused: set[Connection] = set()  # and still to be told so
        self._timer: asyncio.TimerHandle | None = None
        self._server = ServerState()
        self._dated: list[tuple[bytes, bytes]] = []
        self._date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self.state: dict[str, Any] = {}
        self.app: ASGIApp

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        """A protocol for a connection that has just been accepted."""
        self.app, self.state, self._server = config.loaded_app, app_state, server_state
        return Connection(self, _loop or asyncio.get_running_loop())

    def enter(self, connection: Connection) -> None:
        """Takes a connection in. Raises Refused when there are too many, of all or of this client."""
        self._server.connections.add(connection)  # type: ignore[arg-type]  # it is asked only to shut down
        if self._timer is None:
            self._timer = connection.loop.call_later(SWEEP_SECONDS, self._sweep, connection.loop)
        client = self._client_of(connection)
        try:
            self._require_room(client)
        except Refused:
            if len(self._refused) >= REFUSED_AT_ONCE:
                CUTS.by_labels[("connections",)] += 1
                connection.abort()
                return
            self._refused.add(connection)
            raise
        self._admitted.add(connection)
        if client is not None:
            self._per_client[client] += 1

    def _require_room(self, client: str | None) -> None:
        if len(self._admitted) >= self.bounds.max_connections:
            raise too_many("This server", self.bounds.max_connections)
        if client is not None and self._per_client[client] >= self._max_per_client:
            raise too_many("This client", self._max_per_client)

    def leave(self, connection: Connection) -> None:
        """A connection has ended."""
        self._server.connections.discard(connection)
        self._refused.discard(connection)
        if connection not in self._admitted:
            return
        self._admitted.discard(connection)
        client = self._client_of(connection)
        if client is not None:
            self._per_client[client] -= 1
            if not self._per_client[client]:
                del self._per_client[client]

    def _client_of(self, connection: Connection) -> str | None:
        return self._counted(connection.peer) if self._max_per_client and connection.peer else None

    def start(self, loop: asyncio.AbstractEventLoop, running: Coroutine[Any, Any, None]) -> None:
        """Runs an exchange to its end."""
        task = loop.create_task(running)
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def date(self) -> bytes:
        """The header line that tells the time; the server renews it once a second."""
        current = self._server.default_headers
        if current is not self._dated and current:
            self._dated = current
            self._date = b"date: " + current[0][1] + b"\r\n"
        return self._date

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connections in (self._admitted, self._refused):
            for connection in [one for one in connections if one.due <= now or one.outgoing.due <= now]:
                connection.overdue(now)
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep, loop) if self._admitted or self._refused else None


def too_many(who: str, bound: int) -> Refused:
    """The refusal of one more connection."""
    return Refused(503, "connections", f"{who} has all the connections it can have, {bound}.")
