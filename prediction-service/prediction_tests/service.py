"""The service in the test's event loop, with its own database role."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx

from prediction_service.app import create_app
from prediction_service.settings import Settings
from shared.testing.admin import ADMIN
from shared.testing.application import client_of_app
from shared.testing.postgres import Database

MODELS = Path(__file__).parents[2] / "models"
"""What is shipped."""

QUICK_MODELS = Path(__file__).parent / "models"
"""Those of them that load in no time, for tests that are not about what models say."""

QUICK_DEFAULT = "sentiment-lexicon"

StartService = Callable[..., Awaitable[httpx.AsyncClient]]
"""Starts the service with settings of the test's choice; a client of it."""


def settings_for(database: Database, **chosen: object) -> Settings:
    usual = {
        "models_dir": QUICK_MODELS,
        "default_model": QUICK_DEFAULT,
        "database_url": database.url("prediction_service"),
    }
    return Settings(_env_file=None, **usual | chosen)


def client_of(settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return client_of_app(create_app(settings), ADMIN)


async def until_loaded(client: httpx.AsyncClient, *names: str) -> httpx.AsyncClient:
    """Waits for models whose trials take their time on a busy machine: the service does not wait for those."""
    async with asyncio.timeout(60):
        while set(names) - {model["name"] for model in (await client.get("/models")).json()["models"]}:
            await asyncio.sleep(0.1)
    return client


def assert_problem(answer: httpx.Response, status: int) -> dict:
    """The body, once everything that every problem has is there."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem
