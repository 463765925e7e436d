"""The prediction-service: models from a folder, batched, every answer on record.

The stops of a request, in order:

1. `endpoints`         HTTP in and out
2. `predict`           the story: choose, run, record, answer
3. `model_repository`  which model
4. `batcher`           the run, together with whoever else waits; `runtimes` know how
5. `recorder`          the commit that the answer waits for
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from prediction_service.endpoints import models_router, prediction_router
from prediction_service.health import health_report
from prediction_service.model_repository import ModelRepository
from prediction_service.predict import Predictor
from prediction_service.recorder import Recorder
from prediction_service.settings import Settings
from shared.database.urls import for_asyncpg
from shared.runtime.service import create_service

SERVICE = "prediction-service"
VERSION = version("modelserver-prediction-service")


def create_app(settings: Settings) -> FastAPI:
    """Loads the models and puts the service together; connects to nothing yet."""
    repository = ModelRepository(settings.models_dir, settings.default_model)
    repository.load()
    recorder = Recorder(for_asyncpg(settings.database_url))
    predictor = Predictor(
        repository, recorder, store_text=settings.store_text, max_waiting_texts=settings.max_waiting_texts
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with recorder, predictor:
            yield

    return create_service(
        title=SERVICE,
        version=VERSION,
        description=__doc__,
        routers=[prediction_router(predictor), models_router(repository)],
        health=health_report(VERSION, repository, recorder),
        lifespan=lifespan,
    )
