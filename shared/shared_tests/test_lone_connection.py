"""One connection, made when it is needed, ended when it is in doubt."""

import asyncio
import contextlib

import asyncpg
import pytest

from shared.database.connection import CannotConnectError, Connector
from shared.database.lone_connection import LoneConnection
from shared.database.schema_version import OutdatedSchemaError
from shared.testing.postgres import Database


async def test_a_lone_connection_is_made_anew_after_it_was_cut(database: Database) -> None:
    """At once if asyncpg has read the end before it is used, else after one failure, of one of three kinds."""
    lone = LoneConnection(Connector(database.url("gateway"), "test"), seconds=2)
    async with lone.use() as first:
        assert await lone.get() is first
    await database.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'")
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        async with lone.use() as connection:
            await connection.fetch("SELECT 1")
    async with lone.use() as second:
        assert second is not first
        assert await second.fetchval("SELECT 1") == 1
    lone.drop()
    assert not lone.is_open


async def test_a_lone_connection_to_an_older_schema_is_refused(database: Database) -> None:
    await database.fetch("UPDATE public.alembic_version SET version_num = '0001'")
    lone = LoneConnection(Connector(database.url("gateway"), "test"), seconds=2)
    with pytest.raises(OutdatedSchemaError):
        await lone.get()
    assert not lone.is_open


@pytest.fixture
def lone(database: Database) -> LoneConnection:
    return LoneConnection(Connector(database.url("gateway"), "test"), seconds=2)


async def test_blocks_share_it(lone: LoneConnection) -> None:
    async with lone.use() as first:
        assert await first.fetchval("SELECT 1") == 1
    async with lone.use() as second:
        assert second is first
    lone.drop()


@pytest.mark.parametrize(
    ("statement", "error"),
    [("SELECT 1 / 0", asyncpg.DivisionByZeroError), ("SELECT nothing", asyncpg.UndefinedColumnError)],
)
async def test_a_block_that_fails_ends_it_and_the_next_has_a_new_one(
    lone: LoneConnection, statement: str, error: type[Exception]
) -> None:
    async def block() -> None:
        async with lone.use() as connection:
            await connection.execute(statement)

    with pytest.raises(error):
        await block()
    assert not lone.is_open
    async with lone.use() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    lone.drop()


async def test_an_error_about_a_statement_alone_leaves_it_open(lone: LoneConnection) -> None:
    async def block() -> None:
        async with lone.use(harmless=(asyncpg.DataError,)) as connection:
            await connection.execute("SELECT 1 / 0")

    before = await lone.get()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await block()
    assert lone.is_open
    assert await lone.get() is before
    lone.drop()


async def test_a_block_that_takes_too_long_or_is_cancelled_ends_it(lone: LoneConnection) -> None:
    """What the server still does for it is nobody's answer any more."""
    asked = asyncio.Event()

    async def block() -> None:
        async with lone.use(harmless=(asyncpg.DataError,)) as connection:
            asked.set()
            await connection.execute("SELECT pg_sleep(60)", timeout=60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await block()
    assert not lone.is_open
    asked.clear()
    task = asyncio.create_task(block())
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lone.is_open


async def test_without_a_server_there_is_none(database: Database) -> None:
    wrong = database.url("gateway").get_secret_value().replace(f":{database.server.port}/", ":1/")
    lone = LoneConnection(Connector(type(database.url())(wrong), "test"), seconds=0.5)
    with pytest.raises(CannotConnectError):
        async with lone.use():
            pytest.fail("there is no connection")
    assert not lone.is_open
