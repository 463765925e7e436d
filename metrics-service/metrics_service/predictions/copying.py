"""What COPY writes, as it comes: no more waits here than the reader takes, and whoever stops reading ends the query."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg

from metrics_service.predictions.statements import Statement

WAITING_PIECES = 4
"""Pieces of some tens of KiB that wait for the reader; then Postgres waits."""

COPY_SECONDS = 3600
"""One statement writes some thousands of rows; how long that takes, the reader decides."""


async def copied(
    connection: asyncpg.Connection, statement: Statement, delimiter: str, quote: str
) -> AsyncGenerator[bytes, None]:
    """The bytes of a query's rows as CSV with these marks.

    Raises what the driver raises; left early, it ends the connection.
    """
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_PIECES)

    async def copy() -> None:
        try:
            await connection.copy_from_query(
                statement.text, *statement.values,
                output=pieces.put, timeout=COPY_SECONDS, format="csv", delimiter=delimiter, quote=quote,
            )  # fmt: skip
        finally:
            await pieces.put(None)

    copying = asyncio.create_task(copy(), name="copy")
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await copying
    finally:
        if not copying.done():
            connection.terminate()  # Postgres finds nobody to write to, and stops
            copying.cancel()
            while not pieces.empty():
                pieces.get_nowait()
            await asyncio.wait([copying])
            if not copying.cancelled():
                copying.exception()  # whatever it is, it comes of ending it
