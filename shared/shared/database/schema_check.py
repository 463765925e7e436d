"""The check that every service with a database makes once, before it serves."""

import asyncpg
import structlog
from pydantic import SecretStr

from shared.database.schema_version import REVISION_QUERY, check_revision
from shared.database.urls import for_asyncpg

CONNECT_SECONDS = 2

log = structlog.get_logger()


async def check_schema(database_url: SecretStr) -> None:
    """Raises OutdatedSchemaError when the database is older than this code.

    A Postgres that does not answer stops nobody: every service has something to do without it, or says so itself.
    """
    try:
        connection = await asyncpg.connect(for_asyncpg(database_url), timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        log.warning("schema not checked: postgres does not answer", error=type(error).__name__)
        return
    try:
        check_revision(await connection.fetchval(REVISION_QUERY))
    except asyncpg.UndefinedTableError:
        check_revision(None)
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
