"""Exports the record: as many predictions as there are, newest first, in memory that does not grow.

Stretch by stretch, each a statement of its own over a connection of its own: no transaction lasts as long as the
export, so that it holds up neither vacuum nor the end of old days. Whoever leaves ends statement and connection.
Without Postgres: DatabaseUnavailable, while nothing was given yet and later.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import asyncpg

from metrics_service.database import unavailable
from metrics_service.predictions import statements
from metrics_service.predictions.copying import copied
from metrics_service.predictions.cursor import Position
from metrics_service.predictions.export_forms import FLAT_NAMES, Form
from metrics_service.predictions.filter import Filter
from metrics_service.predictions.parquet import parquet_of
from metrics_service.predictions.reader import kept
from metrics_service.predictions.row_days import RowDays
from metrics_service.predictions.statements import Statement
from metrics_service.predictions.stretches import Wanted, stretches
from shared.asyncio.clock import UtcNow
from shared.database.connection import CannotConnectError, Connector, is_away
from shared.http.problems import Overloaded

STRETCH_ROWS = 10_000
"""Rows of one statement, about: as many as Postgres sorts in the memory that it has for that by default."""

CONNECT_SECONDS = 2
COUNT_SECONDS = 8
"""To look into the rollups takes milliseconds."""

MOST_AT_ONCE = 2
"""Exports at a time; each keeps Postgres and this process as busy as they can be."""


class Exporter:
    """Exports predictions that are still kept."""

    def __init__(self, connector: Connector, clock: UtcNow, row_days: RowDays) -> None:
        self._connector, self._clock, self._row_days = connector, clock, row_days
        self._running = 0  # only `pieces` changes it

    async def pieces(self, asked: Filter, after: Position | None, form: Form) -> AsyncGenerator[bytes, None]:
        """The bytes of an export after a place; the first piece as soon as Postgres is there, and so maybe empty.

        Who waits may tell by it that the export goes on: where little fits, the first row may be far away. Raises
        Overloaded when there are too many at a time.
        """
        if self._running >= MOST_AT_ONCE:
            raise Overloaded("As many exports as there may be are under way.", retry_after_seconds=10)
        self._running += 1
        try:
            async with (
                self._connection() as connection,
                aclosing(self._lines(connection, asked, after, form)) as lines,
                aclosing(parquet_of(lines, FLAT_NAMES) if form is Form.PARQUET else lines) as pieces,
            ):
                yield form.head if after is None else b""
                async for piece in pieces:
                    yield piece
        except (CannotConnectError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise unavailable(error) from error
        except asyncpg.PostgresError as error:
            if not is_away(error):
                raise
            raise unavailable(error) from error
        finally:
            self._running -= 1

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[asyncpg.Connection, None]:
        """One for a single export; an export that ends early leaves it in a state that nobody knows."""
        connection = await self._connector.connect(seconds=CONNECT_SECONDS, settings={"jit": "off"})
        try:
            yield connection
            await connection.close(timeout=CONNECT_SECONDS)
        finally:
            connection.terminate()

    async def _lines(
        self, connection: asyncpg.Connection, asked: Filter, after: Position | None, form: Form
    ) -> AsyncGenerator[bytes, None]:
        async def fetch(query: Statement) -> Sequence[Mapping[str, Any]]:
            return [dict(row) for row in await connection.fetch(query.text, *query.values, timeout=COUNT_SECONDS)]

        within = kept(self._clock(), self._row_days, asked, after)
        async with aclosing(stretches(fetch, asked, within, Wanted(STRETCH_ROWS))) as walk:
            async for stretch in walk:
                rows = statements.rows(asked, stretch.windows, after, columns=form.columns)
                async with aclosing(copied(connection, form.lines(rows), *form.marks)) as pieces:
                    async for piece in pieces:
                        yield piece
