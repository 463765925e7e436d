from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.service import client_of, settings_for
from metrics_tests.watching import Clock, watcher_of
from shared.database.engine import create_engine
from shared.testing.postgres import Database


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings_for(database)) as client:
        yield client


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database.url("metrics_service"), "test")
    yield engine
    await engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(engine: AsyncEngine, clock: Clock) -> AlertWatcher:
    return watcher_of(engine, clock)
