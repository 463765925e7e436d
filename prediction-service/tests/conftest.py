"""The service in the test's event loop, with its own database role and the repository's own models."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from prediction_service.app import create_app
from prediction_service.settings import Settings
from shared.testing.postgres import Database

pytest_plugins = ("shared.testing.fixtures",)

MODELS = Path(__file__).parents[2] / "models"

StartService = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def start_service(database: Database) -> AsyncIterator[StartService]:
    """Starts the service with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def start(**chosen: object) -> httpx.AsyncClient:
            defaults = {"database_url": database.url("prediction_service"), "models_dir": MODELS}
            app = create_app(Settings.model_validate(defaults | chosen))
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://service"))

        yield start


@pytest.fixture
async def client(start_service: StartService) -> httpx.AsyncClient:
    """A client of the service with default settings."""
    return await start_service()
