"""Pytest fixtures: real servers, started once per session, left clean for every test."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from hypothesis import settings

from shared.testing.admin import TOKEN
from shared.testing.postgres import Database, PostgresServer
from shared.testing.redis import RedisServer

os.environ["ADMIN_TOKEN"] = TOKEN

settings.register_profile("unhurried", parent=settings(), deadline=None)  # how busy the machine is proves nothing
settings.load_profile("unhurried")

MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 2 << 30  # noqa: S108 - below it a folder of our own
"""Where there is so much room, the session's Postgres has its files in memory: a database is made and dropped for each
test, some 300 files, and ext4 looks for an inode that was not free five seconds ago (`recently_deleted`), which takes
half of such a test's processor time."""


@contextmanager
def folder_of_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a session's Postgres, in memory if there is room."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        with TemporaryDirectory(prefix="modelserver-tests-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("postgres")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's Postgres; a test that kills it starts it again."""
    with folder_of_postgres(tmp_path_factory) as folder:
        server = PostgresServer(folder)
        server.start_and_wait()
        asyncio.run(server.make_template())
        yield server
        server.stop_fast()


@pytest_asyncio.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    """A fresh database with the newest schema."""
    database = await postgres_server.make_database()
    yield database
    await postgres_server.drop_database(database.name)


@pytest.fixture(scope="session")
def redis_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis-compatible server; tests use `redis_server`."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start_and_wait()
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """The session's server, empty."""
    with redis_session.client() as client:
        client.flushall()
    return redis_session
