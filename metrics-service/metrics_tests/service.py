"""The service as it runs, on a real Postgres, with the role it has in production."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from metrics_service.app import create_app
from metrics_service.settings import Settings
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database


def settings_for(database: Database, **changes: object) -> Settings:
    return Settings(_env_file=None, **{"database_url": database.url("metrics_service"), **changes})


@asynccontextmanager
async def client_of(settings: Settings, headers: dict[str, str] = ADMIN) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://metrics", headers=headers) as client,
    ):
        yield client
