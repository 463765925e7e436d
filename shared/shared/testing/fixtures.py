"""Pytest fixtures: real servers, started once per session, left clean for every test."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.testing.admin import TOKEN
from shared.testing.postgres import Database, PostgresServer
from shared.testing.redis import RedisServer

os.environ["ADMIN_TOKEN"] = TOKEN


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's Postgres; a test that kills it starts it again."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
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
