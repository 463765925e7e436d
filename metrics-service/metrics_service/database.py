"""The border to Postgres: connections for one use case each, and what its absence means.

Postgres away, full, read-only or closed to us: whoever asks gets `DatabaseAway`, a 503, within the deadline; the pool
connects again by itself. More questions at once than there are connections is another matter: `Overloaded`.
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

from shared.database.connection import CannotConnectError
from shared.database.connection import is_away as is_about_the_server
from shared.http.problems import Overloaded, Problem

DEADLINE_SECONDS = 8
"""No question takes this long when Postgres is well; a Postgres that hangs is as good as away."""

RETRY_AFTER_SECONDS = 2

OVERLOADS = Counter("metrics_store_overloads", "Requests for which no connection to Postgres became free in time")

log = structlog.get_logger()


class DatabaseAway(Problem):
    """Postgres does not answer; nothing was changed, and asking again later works."""

    status = 503
    type = "urn:problem-type:database-away"
    title = "Database Away"

    def __init__(self) -> None:
        super().__init__(
            "The metrics store does not answer at the moment.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection without a transaction around it: one statement, one snapshot, one round trip."""
    async with away_as_problem(engine), engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def changing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed when the block ends well, undone otherwise."""
    async with away_as_problem(engine), engine.begin() as connection:
        yield connection


@asynccontextmanager
async def away_as_problem(engine: AsyncEngine) -> AsyncIterator[None]:
    """Turns every way in which Postgres can be away into DatabaseAway; other errors pass.

    Raises Overloaded when all connections of the pool stayed taken.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield
    except TimeoutError as error:
        await engine.dispose(close=False)  # a server that hangs hangs on every connection: the next one is a new one
        raise away(error) from error
    except PoolTimeoutError:
        OVERLOADS.inc()
        raise Overloaded(
            "More is asked of the metrics store than it can answer at the moment.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ) from None
    except (CannotConnectError, OSError, asyncpg.InternalClientError) as error:
        raise away(error) from error
    except DBAPIError as error:
        if not is_away(error):
            raise
        raise away(error) from error


def is_away(error: DBAPIError) -> bool:
    """Whether the error is about the connection or the server and not about the statement."""
    return error.connection_invalidated or (error.orig is not None and is_about_the_server(error.orig))


def away(error: Exception) -> DatabaseAway:
    """The problem to answer with; the reason goes to the log only."""
    log.warning("database away", error=(str(error) or type(error).__name__).splitlines()[0])
    return DatabaseAway()
