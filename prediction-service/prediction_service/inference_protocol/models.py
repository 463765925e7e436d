"""`/v2/models`: metadata, configuration, readiness and statistics of models."""

from typing import Any

from fastapi import APIRouter, Request, Response

from prediction_service.choice import Choice
from prediction_service.inference_protocol.descriptions import statistics_of
from prediction_service.inference_protocol.errors import documented_errors
from prediction_service.inference_protocol.metadata import configuration_of, metadata_of
from prediction_service.inference_protocol.paths import Name, Version
from prediction_service.models.catalogue import Catalogue
from prediction_service.models.model import Model


def add_models(router: APIRouter, catalogue: Catalogue, choice: Choice) -> None:
    """Metadata, configuration, readiness and statistics of models."""

    def choose(name: str, version: str | None, request: Request) -> Model:
        """Raises RightMissing, and as the catalogue does."""
        choice.shown(request).require(name)
        return catalogue.choose(name, version, headers=lambda: request.headers)

    @router.get("/models/stats", summary="Statistics of all models")
    async def all_statistics(request: Request) -> dict[str, Any]:
        shown = choice.shown(request)
        return {"model_stats": [statistics_of(model) for model in catalogue.models() if model.name in shown]}

    @router.get("/models/{name}", summary="Inputs and outputs of a model", responses=documented_errors(404, 503))
    @router.get("/models/{name}/versions/{version}", include_in_schema=False)
    async def model_metadata(name: Name, request: Request, version: Version = None) -> dict[str, Any]:
        return metadata_of(choose(name, version, request), catalogue.versions(name))

    @router.get(
        "/models/{name}/config",
        summary="Inputs and outputs of a model, as Triton's configuration has them",
        responses=documented_errors(404, 503),
    )
    @router.get("/models/{name}/versions/{version}/config", include_in_schema=False)
    async def model_configuration(name: Name, request: Request, version: Version = None) -> dict[str, Any]:
        return configuration_of(choose(name, version, request))

    @router.get("/models/{name}/ready", summary="Whether a model takes requests", responses=documented_errors(404, 503))
    @router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(name: Name, request: Request, response: Response, version: Version = None) -> dict[str, Any]:
        ready = not choose(name, version, request).batcher.unavailable
        response.status_code = 200 if ready else 503
        return {"name": name, "ready": ready}

    @router.get("/models/{name}/stats", summary="Statistics of a model", responses=documented_errors(404, 503))
    @router.get("/models/{name}/versions/{version}/stats", include_in_schema=False)
    async def model_statistics(name: Name, request: Request, version: Version = None) -> dict[str, Any]:
        choice.shown(request).require(name)
        models = [model for model in catalogue.models() if model.name == name and version in {None, model.version}]
        if not models:
            catalogue.choose(name, version)  # which says what there is
        return {"model_stats": [statistics_of(model) for model in models]}
