"""The border to Postgres: connections for one use case each, and what happens when it is unavailable.

Postgres down, full, read-only or closed to us: the caller gets `DatabaseUnavailable`, a 503, within the deadline; the
pool connects again by itself. More requests at once than there are connections are another matter: `Overloaded`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database.connection import CannotConnectError, in_one_line
from shared.database.connection import is_away as is_about_the_server
from shared.http.problems import Overloaded, Problem

DEADLINE_SECONDS = 8
"""No query takes this long when Postgres is well; a Postgres that hangs is unavailable."""

RETRY_AFTER_SECONDS = 2

OVERLOADS = Counter("metrics_store_overloads", "Requests for which no connection to Postgres became free in time")

log = structlog.get_logger()


class DatabaseUnavailable(Problem):
    """Postgres is unavailable; nothing was changed, and a later request may work."""

    status = 503
    type = "urn:problem-type:database-away"
    title = "Database Away"

    def __init__(self) -> None:
        super().__init__(
            "The metrics store does not answer at the moment.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


@asynccontextmanager
async def autocommit(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection without a transaction around it: one statement, one snapshot, one round trip."""
    async with unavailable_as_problem(engine), engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed when the block ends well, undone otherwise."""
    async with unavailable_as_problem(engine), engine.begin() as connection:
        yield connection


@asynccontextmanager
async def unavailable_as_problem(engine: AsyncEngine) -> AsyncIterator[None]:
    """Turns every way in which Postgres can be unavailable into DatabaseUnavailable; other errors pass.

    Raises Overloaded when all connections of the pool stayed taken.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield
    except TimeoutError as error:
        await engine.dispose(close=False)  # a server that hangs hangs on every connection: the next one is a new one
        raise unavailable(error) from error
    except PoolTimeoutError:
        OVERLOADS.inc()
        raise Overloaded(
            "More is asked of the metrics store than it can answer at the moment.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ) from None
    except (CannotConnectError, OSError, asyncpg.InternalClientError) as error:
        raise unavailable(error) from error
    except DBAPIError as error:
        if not is_unavailable(error):
            raise
        raise unavailable(error) from error


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the error is about the connection or the server and not about the statement."""
    return error.connection_invalidated or (error.orig is not None and is_about_the_server(error.orig))


def unavailable(error: Exception) -> DatabaseUnavailable:
    """The problem to respond with; the reason goes to the log only."""
    log.warning("database away", error=in_one_line(error))
    return DatabaseUnavailable()
