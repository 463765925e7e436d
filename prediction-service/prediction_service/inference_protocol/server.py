"""`/v2` and `/v2/health`: metadata and health of the server."""

from typing import Any

from fastapi import APIRouter, Request, Response

from prediction_service.models.catalogue import Catalogue
from shared.http.openapi import problem_response
from shared.service.stopping import is_stopping

EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]

NOT_READY = {
    "description": "Not ready",
    "content": {
        "application/json": {"schema": {"type": "object"}},
        **problem_response(503)["content"],
    },
}
"""In the protocol's form; or a problem of the gateway, if it cannot reach this service."""


def add_server(router: APIRouter, catalogue: Catalogue, server: str, version: str) -> None:
    """Metadata and health of the server."""

    @router.get("", summary="Name, version and extensions of the server")
    @router.get("/", include_in_schema=False)
    async def server_metadata() -> dict[str, Any]:
        return {"name": server, "version": version, "extensions": EXTENSIONS}

    @router.get("/health/live", summary="Whether the server answers")
    async def server_live() -> dict[str, bool]:
        return {"live": True}

    @router.get(
        "/health/ready",
        summary="Whether the default model takes requests, and goes on to do so",
        responses={503: NOT_READY},
    )
    async def server_ready(request: Request, response: Response) -> dict[str, bool]:
        ready = catalogue.has_default() and not is_stopping(request.scope)
        response.status_code = 200 if ready else 503
        return {"ready": ready}
