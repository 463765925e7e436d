from collections.abc import AsyncIterator

import httpx
import pytest
from service import client_of, settings_for

from shared.testing.postgres import Database

pytest_plugins = ("shared.testing.fixtures",)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings_for(database)) as client:
        yield client
