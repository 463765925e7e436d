"""The record in Postgres: any number of predictions, one statement, one commit.

Postgres away, slow beyond STATEMENT_SECONDS, out of space or read-only: StoreUnavailableError, and it is not known
whether the statement was committed. Adding the same records again is harmless: what is there already stays as it is.
"""

import asyncio
from collections.abc import Sequence

import asyncpg

from prediction_service.records.record import COLUMN_TYPES, Record, columns
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection

CONNECT_SECONDS = 1.0
STATEMENT_SECONDS = 2.0
"""A commit takes milliseconds; a Postgres that takes this long counts as away."""

ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(COLUMN_TYPES.values(), 1))

ADD = f"""
INSERT INTO predictions.prediction ({", ".join(COLUMN_TYPES)})
SELECT * FROM unnest({ARRAYS})
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names and types of our own columns, nothing that came with a request

ADD_AGAIN = ADD.replace(
    "ON CONFLICT", "WHERE (SELECT pg_logical_emit_message(true, 'modelserver', ''::text)) IS NOT NULL\nON CONFLICT"
)
"""ADD for what may be there already. A transaction that finds nothing to do waits for no standby; but what it found may
have been committed by one that gave up waiting. Its message makes it wait, and with it for all that came before."""

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What Postgres says to records that it will never take."""


class StoreUnavailableError(Exception):
    """Postgres cannot take records at the moment."""


class RecordRefusedError(Exception):
    """Postgres will never take these records as they are."""


class RecordStore:
    """One connection, made when it is needed; one statement at a time."""

    def __init__(self, connector: Connector) -> None:
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS)
        self._lock = asyncio.Lock()

    async def add(self, records: Sequence[Record]) -> None:
        """Returns once the records are committed. Raises StoreUnavailableError or RecordRefusedError."""
        async with self._lock:
            was_connected = self._connection.is_open
            try:
                await self._add(ADD, records)
            except StoreUnavailableError as error:
                if not was_connected or isinstance(error.__cause__, TimeoutError):
                    raise
                # A connection that broke while idle says nothing about Postgres; one that hangs says enough.
                await self._add(ADD_AGAIN, records)

    async def add_again(self, records: Sequence[Record]) -> None:
        """As `add`, for records of which nobody knows whether they were committed before."""
        async with self._lock:
            await self._add(ADD_AGAIN, records)

    async def _add(self, statement: str, records: Sequence[Record]) -> None:
        try:
            async with self._connection.use(harmless=REFUSALS) as connection:
                await connection.execute(statement, *columns(records), timeout=STATEMENT_SECONDS)
        except REFUSALS as error:
            raise RecordRefusedError(type(error).__name__) from error
        except Exception as error:  # a connection that breaks at a bad moment raises whatever asyncpg stumbles over
            raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error

    async def check(self) -> None:
        """Raises StoreUnavailableError unless Postgres answers over the connection that records take."""
        await self.add([])

    def disconnect(self) -> None:
        """Drops the connection without a word: whatever it was doing is not waited for."""
        self._connection.drop()
