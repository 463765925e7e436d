"""Stores predictions in Postgres: any number of them with one statement and one commit.

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

ARRAYS = ", ".join(
    f"${number}::{'text' if kind.endswith('[]') else kind}[]" for number, kind in enumerate(COLUMN_TYPES.values(), 1)
)
"""A list per column; what is an array in a row is text in it."""

VALUES = ", ".join(f"{name}::{kind}" if kind.endswith("[]") else name for name, kind in COLUMN_TYPES.items())

ADD = f"""
INSERT INTO predictions.prediction ({", ".join(COLUMN_TYPES)})
SELECT {VALUES} FROM unnest({ARRAYS}) AS record ({", ".join(COLUMN_TYPES)})
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names and types of our own columns, nothing that came with a request

ADD_AGAIN = ADD.replace(
    "ON CONFLICT", "WHERE (SELECT pg_logical_emit_message(true, 'modelserver', ''::text)) IS NOT NULL\nON CONFLICT"
)
"""ADD for records that may be stored already. With synchronous replication a transaction that inserts nothing does not
wait for the standby, although the rows that it found may not have reached the standby yet. The message in the WAL makes
it wait, for its own position and thereby for all earlier ones."""

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""Errors of Postgres for records that it will never accept."""


class StoreUnavailableError(Exception):
    """Postgres cannot take records at the moment."""


class RecordRefusedError(Exception):
    """Postgres will never accept these records."""


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
                # A connection that broke while it was idle does not mean that Postgres is away; a timeout does.
                await self._add(ADD_AGAIN, records)

    async def add_again(self, records: Sequence[Record]) -> None:
        """As `add`, for records that may or may not have been committed before."""
        async with self._lock:
            await self._add(ADD_AGAIN, records)

    async def _add(self, statement: str, records: Sequence[Record]) -> None:
        try:
            async with self._connection.use(harmless=REFUSALS) as connection:
                await connection.execute(statement, *columns(records), timeout=STATEMENT_SECONDS)
        except REFUSALS as error:
            raise RecordRefusedError(type(error).__name__) from error
        except Exception as error:  # asyncpg raises all kinds of errors when a connection breaks at a bad moment
            raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error

    async def check(self) -> None:
        """Raises StoreUnavailableError unless Postgres responds on the connection that records use."""
        await self.add([])

    def disconnect(self) -> None:
        """Drops the connection at once, without waiting for a running statement."""
        self._connection.drop()
