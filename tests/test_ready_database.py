"""`make run` loads what migrates only where something is to be migrated."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from local.database import is_ready, prepare_database
from local.stack import DATABASE, Stack
from shared.database.schema_version import NEWEST_REVISION, REVISION_QUERY
from shared.database.service_roles import SERVICE_ROLES
from shared.testing.postgres import Database, PostgresServer
from tests.stack import REPOSITORY


@pytest_asyncio.fixture
async def stack(postgres_server: PostgresServer) -> AsyncIterator[Stack]:
    """As `make run` has it after a first start, on the session's Postgres."""
    passwords = dict.fromkeys(("postgres", *SERVICE_ROLES), postgres_server.password)
    stack = Stack([], [], {"postgres": postgres_server.port}, passwords, None, None)
    await prepare_database(stack, lambda: None)
    yield stack
    await prepare_database(stack, lambda: None)
    await postgres_server.drop_database(DATABASE)


async def test_after_a_first_start_nothing_is_left_to_do(stack: Stack) -> None:
    assert await is_ready(stack)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER ROLE metrics_service PASSWORD 'another'",
        "ALTER ROLE gateway NOLOGIN",
        "ALTER ROLE prediction_service PASSWORD NULL",
    ],
)
async def test_roles_that_do_not_get_in_are_mended(stack: Stack, postgres_server: PostgresServer, change: str) -> None:
    await postgres_server.execute(change)
    assert not await is_ready(stack)
    await prepare_database(stack, lambda: None)
    assert await is_ready(stack)


async def test_an_old_schema_is_not_ready(stack: Stack, postgres_server: PostgresServer) -> None:
    database = Database(postgres_server, DATABASE)
    await database.fetch("UPDATE public.alembic_version SET version_num = '0000'")
    assert not await is_ready(stack)
    await database.fetch("UPDATE public.alembic_version SET version_num = $1", NEWEST_REVISION)
    assert await is_ready(stack)


async def test_a_newer_schema_stays_and_its_roles_are_mended(stack: Stack, postgres_server: PostgresServer) -> None:
    database = Database(postgres_server, DATABASE)
    await database.fetch("UPDATE public.alembic_version SET version_num = '9999'")
    assert await is_ready(stack)
    await postgres_server.execute("ALTER ROLE gateway PASSWORD 'another'")
    await prepare_database(stack, lambda: None)
    assert await is_ready(stack)
    assert await database.fetch(REVISION_QUERY) == [("9999",)]


async def test_a_role_that_may_not_connect_now_is_no_reason_to_stop(
    stack: Stack, postgres_server: PostgresServer
) -> None:
    await postgres_server.execute("ALTER ROLE gateway CONNECTION LIMIT 0")
    try:
        assert not await is_ready(stack)
        await prepare_database(stack, lambda: None)
    finally:
        await postgres_server.execute("ALTER ROLE gateway CONNECTION LIMIT -1")
    assert await is_ready(stack)


async def test_a_database_without_a_schema_is_not_ready(stack: Stack, postgres_server: PostgresServer) -> None:
    await postgres_server.drop_database(DATABASE)
    await postgres_server.execute(f"CREATE DATABASE {DATABASE}")
    assert not await is_ready(stack)


def test_what_migrates_is_not_loaded_for_a_start() -> None:
    loaded = "import sys, local.run; print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", loaded], env={"PYTHONPATH": str(REPOSITORY / "deploy")}, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    assert run.stdout == "[]\n"
