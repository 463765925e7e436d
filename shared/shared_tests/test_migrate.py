"""The one-shot step before the services start, as a process of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from shared.database.schema_version import NEWEST_REVISION, REVISION_QUERY
from shared.testing.postgres import PostgresServer


def migrate(server: PostgresServer, database: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shared.database.migrate"],
        env=os.environ | {"DATABASE_URL": server.url(database), "GATEWAY_DB_PASSWORD": "sesame"},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server that is not started yet."""
    server = PostgresServer(tmp_path)
    yield server
    server.stop_fast()


def test_a_postgres_that_is_still_starting_is_waited_for(server: PostgresServer) -> None:
    process = migrate(server, "postgres")
    assert process.stdout is not None
    assert "postgres does not answer yet" in process.stdout.readline()
    server.start_and_wait()

    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")
    assert asyncio.run(revision(server)) == NEWEST_REVISION


def test_a_database_that_is_missing_is_one_line(server: PostgresServer) -> None:
    server.start_and_wait()
    process = migrate(server, "nowhere")

    _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert errors.startswith("migrate: ")
    assert 'database "nowhere" does not exist' in errors
    assert errors.count("\n") == 1


async def revision(server: PostgresServer) -> str:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        return await connection.fetchval(REVISION_QUERY)
    finally:
        await connection.close()
