"""Removes the rows of clients that have been away, off the path of requests and in small steps."""

import asyncio

import structlog

from shared.database.connection import Connector

INTERVAL_SECONDS = 30
STEP = 5000
"""Rows per statement: each holds its locks for some milliseconds."""

log = structlog.get_logger()


async def forget_old_clients_forever(connector: Connector) -> None:
    """Cleans up every INTERVAL_SECONDS until cancelled; Postgres away: tries again the next time."""
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        try:
            gone = await forget_old_clients(connector)
        except Exception as error:  # noqa: BLE001 -- it is tried again the next time, whatever it was
            log.debug("old clients stay for now", error=repr(error))
        else:
            log.debug("old clients forgotten", clients=gone)


async def forget_old_clients(connector: Connector) -> int:
    """Removes every client that has been away for two windows; returns how many."""
    connection = await connector.connect(seconds=2, command_seconds=10)
    try:
        gone = 0
        while step := await connection.fetchval("SELECT gateway.forget_old_clients($1)", STEP):
            gone += step
        return gone
    finally:
        await connection.close(timeout=2)
