"""What candidates said in the shadow, in Postgres: any number of rows with one statement."""

from collections.abc import Sequence
from typing import Any

import orjson

from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection

CONNECT_SECONDS = 1.0
STATEMENT_SECONDS = 2.0

ADD = "SELECT predictions.add_shadows($1::jsonb)"
"""Of predictions that are not on record, or not any more, nothing is added."""


class ShadowsNotStoredError(Exception):
    """Postgres does not take them."""


class ShadowStore:
    """One connection, made when it is needed; one statement at a time."""

    def __init__(self, connector: Connector) -> None:
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS)

    async def add(self, rows: Sequence[dict[str, Any]]) -> int:
        """Returns once they are committed, and how many: those whose prediction is on record.

        Raises ShadowsNotStoredError.
        """
        try:
            async with self._connection.use() as connection:
                added: int = await connection.fetchval(ADD, orjson.dumps(rows).decode(), timeout=STATEMENT_SECONDS)
                return added
        except Exception as error:  # asyncpg raises all kinds of errors when a connection breaks at a bad moment
            raise ShadowsNotStoredError(f"{type(error).__name__}: {error}") from error

    def disconnect(self) -> None:
        """Ends the connection at once."""
        self._connection.drop()
