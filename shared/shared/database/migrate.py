"""`python -m shared.database.migrate`: roles, then every migration that is missing. Safe to run again, and by several.

Needs DATABASE_URL of a role that owns the schemas (not one of the services').
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import locks
from shared.database.connection import CannotConnectError, in_one_line
from shared.database.engine import create_engine
from shared.database.roles import ensure_roles
from shared.database.schema_version import IS_MIGRATED_QUERY, NEWEST_REVISION, REVISION_QUERY
from shared.database.service_roles import passwords_from_environment
from shared.database.urls import DatabaseUrl
from shared.settings.settings import ServiceSettings, load_settings
from shared.telemetry.logs import configure_logging

MIGRATIONS = Path(__file__).parent / "migrations"

WAIT_SECONDS = 60
"""How long a Postgres that does not answer is waited for: it may be starting beside us."""

NO_ANSWER = (CannotConnectError, OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)

log = structlog.get_logger()


class MigrationSettings(ServiceSettings):
    """What the migrations can be told."""

    database_url: DatabaseUrl


async def migrate_once_it_answers(url: SecretStr, passwords: Mapping[str, str]) -> None:
    """As `migrate`, for a Postgres that may not be there yet. Raises its last error after WAIT_SECONDS.

    What no waiting mends, such as a wrong password, is raised at once.
    """
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await migrate(url, passwords)
        except (SQLAlchemyError, *NO_ANSWER) as error:
            if time.monotonic() > end or not is_without_answer(error):
                raise
            log.info("postgres does not answer yet", reason=in_one_line(error))
        await asyncio.sleep(1)


def is_without_answer(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, says that Postgres cannot be talked to at the moment."""
    if isinstance(error, CannotConnectError):
        return not error.trouble.is_lasting
    return error is not None and (isinstance(error, NO_ANSWER) or is_without_answer(error.__cause__))


async def migrate(url: SecretStr, passwords: Mapping[str, str]) -> None:
    """Brings the database at `url` to the newest revision and gives the service roles their `passwords`.

    A schema that is newer than this code is left as it is, as `check_revision` has it: so a release can be taken back.
    """
    engine = create_engine(url, "migrate", pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": locks.MIGRATION})
            await ensure_roles(connection, passwords)
            if not await is_newer(connection):
                await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


async def is_newer(connection: AsyncConnection) -> bool:
    """Whether the schema has seen migrations that this code does not know."""
    if not await connection.scalar(text(IS_MIGRATED_QUERY)):
        return False
    found = await connection.scalar(text(REVISION_QUERY))
    if found is None or found <= NEWEST_REVISION:
        return False
    log.info("the schema is newer than this release", schema=found, newest_known=NEWEST_REVISION)
    return True


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Runs the migrations up to `revision` over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def main() -> None:
    """The one-shot step before the services start."""
    settings = load_settings(MigrationSettings, "migrate")
    configure_logging("migrate", settings.log_level, settings.log_format)
    try:
        asyncio.run(migrate_once_it_answers(settings.database_url, passwords_from_environment()))
    except (SQLAlchemyError, asyncpg.PostgresError, *NO_ANSWER) as error:
        sys.stderr.write(f"migrate: {in_one_line(error)}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
