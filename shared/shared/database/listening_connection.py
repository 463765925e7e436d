"""A connection to Postgres on which what many replicas follow is read and changed, and which hears of changes.

Word of a change comes with its commit (LISTEN); behind a pooler none comes, and nobody may rely on it: who follows asks
again and again as well.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection

CONNECT_SECONDS = STATEMENT_SECONDS = 1.0
"""A change must be known everywhere within two seconds."""


class StoreAwayError(Exception):
    """Postgres does not say or do what it was asked."""


class QueuedConnection:
    """One statement at a time, in the order in which they are asked for."""

    def __init__(self, connector: Connector) -> None:
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS)
        self._current: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()
        self.number = 0
        """How many connections there have been: another server may answer on another one."""

    async def value(self, statement: str, *arguments: object, harmless: tuple[type[Exception], ...] = ()) -> Any:
        """The first value of the first row. Raises StoreAwayError, and as they are the errors that are `harmless`."""
        async with self._lock, self._connected(harmless) as connection:
            return await connection.fetchval(statement, *arguments, timeout=STATEMENT_SECONDS)

    async def rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """All rows. Raises StoreAwayError."""
        async with self._lock, self._connected(()) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments, timeout=STATEMENT_SECONDS)
            return rows

    def drop(self) -> None:
        """Ends the connection at once."""
        self._connection.drop()

    @asynccontextmanager
    async def _connected(self, harmless: tuple[type[Exception], ...]) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._connection.use(harmless=harmless) as connection:
                if connection is not self._current:
                    await self._begin(connection)
                yield connection
        except harmless:
            raise
        except Exception as error:  # a connection that breaks raises whatever asyncpg stumbles over
            raise StoreAwayError(f"{type(error).__name__}: {error}") from error

    async def _begin(self, connection: asyncpg.Connection) -> None:
        """A new connection is in use from now on."""
        self._current = connection
        self.number += 1


class ListeningConnection(QueuedConnection):
    """What is read last is what holds. `told` hears of changes on `channel`."""

    def __init__(self, connector: Connector, channel: str, told: Callable[[], None]) -> None:
        super().__init__(connector)
        self._is_pooled, self._channel, self._told = connector.is_pooled, channel, told

    async def _begin(self, connection: asyncpg.Connection) -> None:
        """It hears of changes, where it is not shared with others."""
        if not self._is_pooled:
            async with asyncio.timeout(STATEMENT_SECONDS):
                await connection.add_listener(self._channel, lambda *_: self._told())
        await super()._begin(connection)
