"""Postgres and Redis for scenarios that need no whole stack."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.ending import ending
from shared.testing.postgres import PostgresServer
from shared.testing.redis import RedisServer


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """With a migrated template; nothing is synced to disk."""
    folder.mkdir(mode=0o755, exist_ok=True)
    server = PostgresServer(folder)
    server.start_and_wait()
    try:
        asyncio.run(server.make_template())
        yield server
    finally:
        with ending.undisturbed():
            server.stop_fast()


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Empty."""
    folder.mkdir(mode=0o755, exist_ok=True)
    server = RedisServer(folder)
    server.start_and_wait()
    try:
        yield server
    finally:
        with ending.undisturbed():
            server.stop()


@contextmanager
def postgres_and_redis(folder: Path) -> Iterator[tuple[PostgresServer, RedisServer]]:
    """Both."""
    with postgres_server(folder) as postgres, redis_server(folder) as redis:
        yield postgres, redis
