from collections.abc import AsyncIterator

import httpx
import pytest
from service import client_of, settings_for
from sqlalchemy.ext.asyncio import AsyncEngine
from watching import Clock, watcher_of

from metrics_service.alerts.watcher import AlertWatcher
from shared.database.engine import create_engine
from shared.testing.postgres import Database

pytest_plugins = ("shared.testing.fixtures",)


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
