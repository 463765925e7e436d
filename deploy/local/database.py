"""The database: ours, made and migrated; or the user's, migrated if it needs that and its role may.

What migrates takes two seconds of processor time to import, so it is imported only where something is to be migrated.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import asyncpg
from pydantic import SecretStr

from local.errors import CannotRunError
from local.rights import Rights, rights_in
from local.stack import DATABASE, START_SECONDS, Stack
from shared.database.connection import CannotConnectError, Connector, in_one_line
from shared.database.schema_version import IS_MIGRATED_QUERY, NEWEST_REVISION, REVISION_QUERY
from shared.database.service_roles import SERVICE_ROLES

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


class NotMigratedError(Exception):
    """The database could not be brought to the newest revision, for this reason."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(in_one_line(reason))
        self.reason = reason


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
        if not await is_ready(stack):
            await migrate(SecretStr(stack.database_url()), {role: stack.passwords[role] for role in SERVICE_ROLES})
    except (NotMigratedError, *ASYNCPG, OSError, TimeoutError) as error:  # a disk that is full by now
        still_runs()
        raise CannotRunError(f"Postgres: {in_one_line(error)}") from error


async def is_ready(stack: Stack) -> bool:
    """Whether our database has the newest schema, and every service's role gets in with its password.

    What cannot be found out is no reason to stop: then it is for the migration to succeed, or to say what is wrong.
    """
    try:
        if not await has_newest_schema(stack.database_url()):
            return False
        for role in SERVICE_ROLES:
            await (await asyncpg.connect(stack.database_url(role), timeout=5)).close(timeout=5)
    except (*ASYNCPG, OSError, TimeoutError):
        return False
    return True


async def has_newest_schema(url: str) -> bool:
    """Whether there is nothing to migrate. Raises what asyncpg raises."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        is_migrated = await connection.fetchval(IS_MIGRATED_QUERY)
        return is_migrated and (await connection.fetchval(REVISION_QUERY) or "") >= NEWEST_REVISION
    finally:
        await connection.close(timeout=5)


async def migrate(url: SecretStr, passwords: Mapping[str, str]) -> None:
    """Brings a database to the newest revision. Raises NotMigratedError."""
    from sqlalchemy.exc import SQLAlchemyError

    from shared.database import migrate as migrations

    try:
        await migrations.migrate(url, passwords)
    except (*ASYNCPG, SQLAlchemyError, CannotConnectError, OSError, TimeoutError) as error:
        raise NotMigratedError(cause_of(error)) from error


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
    except NotMigratedError as error:
        if isinstance(error.reason, NOT_ALLOWED):
            raise CannotRunError(f"DATABASE_URL: its role may not migrate ({error}); {rights.advice()}") from error
        raise CannotRunError(f"DATABASE_URL: {error}") from error


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
