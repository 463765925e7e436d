"""The check that every service with a database makes once, before it serves."""

import asyncpg
import structlog
from pydantic import SecretStr

from shared.database.connection import CannotConnectError, Connector
from shared.database.schema_version import REVISION_QUERY, check_revision

CONNECT_SECONDS = 2

log = structlog.get_logger()


async def check_schema(database_url: SecretStr) -> None:
    """Raises OutdatedSchemaError when the database is older than this code.

    A Postgres that gives no connection stops nobody: every service has something to do without it, or says so itself.
    """
    try:
        connection = await Connector(database_url, "schema check").connect(seconds=CONNECT_SECONDS)
    except CannotConnectError as error:
        log.warning("schema not checked", postgres=error.trouble, reason=str(error))
        return
    try:
        check_revision(await connection.fetchval(REVISION_QUERY))
    except asyncpg.UndefinedTableError:
        check_revision(None)
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
