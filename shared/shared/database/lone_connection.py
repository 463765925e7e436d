"""One connection to Postgres for one user at a time: made when it is needed, ended when it is in doubt."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from shared.database.connection import Connector
from shared.database.schema_version import REVISION_QUERY, check_revision


class LoneConnection:
    """One connection for one user at a time, made when it is needed, to a database whose schema this code knows."""

    def __init__(self, connector: Connector, *, seconds: float, settings: Mapping[str, str] | None = None) -> None:
        self._connector, self._seconds, self._settings = connector, seconds, settings
        self._connection: asyncpg.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is one that has not been closed as far as is known."""
        return self._connection is not None and not self._connection.is_closed()

    async def get(self) -> asyncpg.Connection:
        """The connection, or a new one. Raises CannotConnectError, OutdatedSchemaError and what the driver raises."""
        if self._connection is None or self._connection.is_closed():
            connection = await self._connector.connect(seconds=self._seconds, settings=self._settings)
            try:
                check_revision(await connection.fetchval(REVISION_QUERY, timeout=self._seconds))
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    @asynccontextmanager
    async def use(self, *, harmless: tuple[type[Exception], ...] = ()) -> AsyncIterator[asyncpg.Connection]:
        """The connection, or a new one, for a block; raises as `get` does.

        A block that fails or is cancelled ends it, for nobody knows what it is at then; one that fails with a
        `harmless` error, which says something about a statement alone, does not.
        """
        try:
            yield await self.get()
        except harmless:
            raise
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Ends it without a word: whatever it was doing is not waited for."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
