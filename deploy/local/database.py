"""The database: ours, made and migrated; or the user's, migrated if its role may."""

import asyncio
import time

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from local.errors import CannotRunError
from local.stack import DATABASE, Stack
from shared.database.connection import CannotConnectError, Connector
from shared.database.migrate import in_one_line, migrate
from shared.database.roles import SERVICE_ROLES
from shared.database.schema_check import check_schema
from shared.database.schema_version import OutdatedSchemaError

START_SECONDS = 60
"""How long our own Postgres may take to start; a machine that needs longer is in trouble."""

NOT_ALLOWED = (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)


async def prepare_database(stack: Stack) -> None:
    """Brings the database that is used to the newest revision. Raises CannotRunError, in one line."""
    if stack.own_database is not None:
        await migrate_own(stack.own_database)
        return
    connection = await connect_to_postgres(stack)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    await migrate(SecretStr(stack.database_url()), {role: stack.passwords[role] for role in SERVICE_ROLES})


async def connect_to_postgres(stack: Stack) -> asyncpg.Connection:
    """A connection as superuser, as soon as Postgres takes one."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return await asyncpg.connect(stack.database_url(database="postgres"), timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            if time.monotonic() > end:
                raise CannotRunError(f"Postgres cannot be reached: {error}") from error
            await asyncio.sleep(0.05)


async def migrate_own(url: SecretStr) -> None:
    """Roles get no passwords: all services log in as the user's own role. A schema that is new enough is left alone."""
    if await is_reachable_and_new(url):
        return
    try:
        await migrate(url, {})
    except (SQLAlchemyError, asyncpg.PostgresError, CannotConnectError, OSError, TimeoutError) as error:
        cause = cause_of(error)
        if isinstance(cause, NOT_ALLOWED):
            raise CannotRunError(
                f"DATABASE_URL: its role may not migrate ({in_one_line(cause)}); "
                "let one that may run `python -m shared.database.migrate` once"
            ) from error
        raise CannotRunError(f"DATABASE_URL: {in_one_line(cause)}") from error


async def is_reachable_and_new(url: SecretStr) -> bool:
    """Whether nothing has to be done there. Raises CannotRunError when there is no connection to be had."""
    try:
        connection = await Connector(url, "make run").connect(seconds=5)
    except CannotConnectError as error:
        raise CannotRunError(f"DATABASE_URL: {error}") from error
    await connection.close(timeout=5)
    try:
        await check_schema(url)
    except (OutdatedSchemaError, asyncpg.PostgresError):
        return False
    return True


def cause_of(error: Exception) -> Exception:
    """What Postgres itself said, beneath the layers above it; the error itself when Postgres said nothing."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, asyncpg.PostgresError):
            return found
        found = found.__cause__
    return error
