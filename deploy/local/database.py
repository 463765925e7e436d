"""The database: ours, made and migrated; or the user's, migrated if it needs that and its role may."""

import asyncio
import time
from collections.abc import Callable

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from local.errors import CannotRunError
from local.rights import Rights, rights_in
from local.stack import DATABASE, START_SECONDS, Stack
from shared.database.connection import CannotConnectError, Connector
from shared.database.migrate import in_one_line, migrate
from shared.database.roles import SERVICE_ROLES

NOT_ALLOWED = (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)

NOT_YET = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)
"""What a Postgres that starts may answer; anything else does not pass by itself."""

ASYNCPG = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that asyncpg raises; the last of them when a connection ends at a bad moment."""

FAILED = (*ASYNCPG, SQLAlchemyError, CannotConnectError, OSError, TimeoutError)


async def prepare_database(stack: Stack, still_runs: Callable[[], None]) -> None:
    """Brings the database that is used to the newest revision. Raises CannotRunError, in one line.

    `still_runs` raises it when our Postgres has ended.
    """
    if stack.own_database is not None:
        await migrate_own(stack.own_database)
        return
    connection = await connect_to_postgres(stack, still_runs)
    try:
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close(timeout=5)
        await migrate(SecretStr(stack.database_url()), {role: stack.passwords[role] for role in SERVICE_ROLES})
    except FAILED as error:  # a disk that is full by now
        still_runs()
        raise CannotRunError(f"Postgres: {in_one_line(cause_of(error))}") from error


async def connect_to_postgres(stack: Stack, still_runs: Callable[[], None]) -> asyncpg.Connection:
    """A connection as superuser, as soon as Postgres takes one. Raises CannotRunError at once when it never will."""
    end = time.monotonic() + START_SECONDS
    while True:
        still_runs()
        try:
            return await asyncpg.connect(stack.database_url(database="postgres"), timeout=5)
        except NOT_YET as error:
            if time.monotonic() > end:
                raise CannotRunError(f"Postgres cannot be reached: {error}") from error
            await asyncio.sleep(0.05)
        except asyncpg.PostgresError as error:
            raise CannotRunError(f"Postgres lets nobody in: {in_one_line(error)}") from error


async def migrate_own(url: SecretStr) -> None:
    """Roles get no passwords: all services log in as the user's own role. A schema that is new enough is left alone."""
    rights = await rights_of(url)
    if rights.is_new or rights.is_unreadable:
        if rights.lacking:
            raise CannotRunError(
                f"DATABASE_URL: its role {rights.role} may not do what the services do; "
                f"let an administrator run once, in that database: {rights.grant}"
            )
        return
    try:
        await migrate(url, {})
    except FAILED as error:
        cause = cause_of(error)
        if isinstance(cause, NOT_ALLOWED):
            raise CannotRunError(
                f"DATABASE_URL: its role may not migrate ({in_one_line(cause)}); {rights.advice()}"
            ) from error
        raise CannotRunError(f"DATABASE_URL: {in_one_line(cause)}") from error


async def rights_of(url: SecretStr) -> Rights:
    """What the user's role may do. Raises CannotRunError when there is no connection to be had."""
    try:
        connection = await Connector(url, "make run").connect(seconds=5)
    except CannotConnectError as error:
        raise CannotRunError(f"DATABASE_URL: {error}") from error
    try:
        return await rights_in(connection)
    except (*ASYNCPG, OSError) as error:
        raise CannotRunError(f"DATABASE_URL: {in_one_line(error)}") from error
    finally:
        await connection.close(timeout=5)


def cause_of(error: Exception) -> Exception:
    """What Postgres itself said, beneath the layers above it; the error itself when Postgres said nothing."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, asyncpg.PostgresError):
            return found
        found = found.__cause__
    return error
