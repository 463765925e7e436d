"""Stores predictions in Postgres: any number of them with one statement and one commit.

Postgres away, slow beyond STATEMENT_SECONDS, out of space or read-only: StoreUnavailableError, and it is not known
whether the statement was committed. To `add_again` the same records is harmless: what is there already stays as it is.

A response that is kept is written by the statement that writes its request's records, so nothing can part them. Of two
requests with one key the one that commits first has its response kept and its records written, the other has neither.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from prediction_service.records.addition import Addition, KeptResponse, records_of
from prediction_service.records.record import array_literal, columns
from prediction_service.records.statements import ADD, ADD_AGAIN, ADD_WITH_RESPONSES, FIND_RESPONSES
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection

CONNECT_SECONDS = 1.0
STATEMENT_SECONDS = 2.0
"""A commit takes milliseconds; a Postgres that takes this long counts as away."""

EVER = 1_000_000
"""Hours that reach back to every response that is still there."""

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

    async def add(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        """Returns once all is committed. Raises StoreUnavailableError, or RecordRefusedError, also for an id twice.

        What is returned was not added, because another response is kept under its key.
        """
        async with self._lock:
            was_connected = self._connection.is_open
            try:
                return await self._add(ADD, additions)
            except StoreUnavailableError as error:
                if not was_connected or isinstance(error.__cause__, TimeoutError):
                    raise
                # A connection that broke while it was idle does not mean that Postgres is away; a timeout does.
                return await self._add(ADD_AGAIN, additions)

    async def add_again(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        """As `add`, for records that may or may not have been committed before."""
        async with self._lock:
            return await self._add(ADD_AGAIN, additions)

    async def _add(self, statement: str, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        """`statement` is for requests of which none has a response that is kept."""
        records = columns(records_of(additions))
        keeping = {addition: addition.kept for addition in additions if addition.kept is not None}
        try:
            async with self._connection.use(harmless=REFUSALS) as connection:
                if not keeping:
                    await connection.execute(statement, *records, timeout=STATEMENT_SECONDS)
                    return {}
                kept_under = [addition.kept and addition.kept.key for addition in additions for _ in addition.records]
                values = (*records, kept_under, *response_columns(keeping))
                kept = await connection.fetch(ADD_WITH_RESPONSES, *values, timeout=STATEMENT_SECONDS)
                return await kept_before(connection, keeping, {row["key"] for row in kept})
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


def response_columns(keeping: Mapping[Addition, KeptResponse]) -> list[list[Any]]:
    """What is kept of these requests: a list per column, in the order of ADD_WITH_RESPONSES; each key once."""
    rows = {
        kept.key: (
            kept.key,
            kept.fingerprint,
            kept.body,
            array_literal([record.prediction_id for record in addition.records]),
            addition.records[0].created_at,
        )
        for addition, kept in keeping.items()
    }
    return [list(column) for column in zip(*rows.values(), strict=True)]


async def kept_before(
    connection: asyncpg.Connection, keeping: Mapping[Addition, KeptResponse], kept_now: set[bytes]
) -> Mapping[Addition, KeptResponse]:
    """Of the requests whose response was not kept now, the response in its place. Raises LookupError if it is gone."""
    others = {addition: kept for addition, kept in keeping.items() if kept.key not in kept_now}
    if not others:
        return {}
    found = await find_responses(connection, {kept.key for kept in others.values()}, hours=EVER)
    # One that is the same was committed by an attempt whose end was not heard of.
    return {addition: found[kept.key] for addition, kept in others.items() if found[kept.key] != kept}


async def find_responses(
    connection: asyncpg.Connection, keys: Collection[bytes], *, hours: int
) -> dict[bytes, KeptResponse]:
    """What is kept under these keys and no older than so many hours."""
    rows = await connection.fetch(FIND_RESPONSES, list(keys), hours, timeout=STATEMENT_SECONDS)
    return {row["key"]: KeptResponse(**row) for row in rows}
