"""The service as it runs, on a real Postgres, with the role it has in production."""

from contextlib import AbstractAsyncContextManager

import httpx

from metrics_service.app import create_app
from metrics_service.settings import Settings
from shared.testing.admin import ADMIN
from shared.testing.application import client_of_app
from shared.testing.postgres import Database


def settings_for(database: Database, **changes: object) -> Settings:
    return Settings(_env_file=None, **{"database_url": database.url("metrics_service"), **changes})


def client_of(settings: Settings, headers: dict[str, str] = ADMIN) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return client_of_app(create_app(settings), headers)
