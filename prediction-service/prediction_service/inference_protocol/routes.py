"""Everything below /v2. HTTP only: inference goes the same way as /predict, and is recorded like it."""

from fastapi import APIRouter
from pydantic import SecretStr

from prediction_service.choice import Choice
from prediction_service.inference_protocol.errors import ProtocolRoute
from prediction_service.inference_protocol.inference import add_inference
from prediction_service.inference_protocol.models import add_models
from prediction_service.inference_protocol.repository import add_repository
from prediction_service.inference_protocol.server import add_server
from prediction_service.inference_protocol.unknown_paths import add_unknown_paths
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predictor


def protocol_router(
    predictor: Predictor, repository: ModelRepository, choice: Choice, token: SecretStr, *, server: str, version: str
) -> APIRouter:
    """The protocol's routes, resource by resource."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=ProtocolRoute)
    add_unknown_paths(router)  # first: of several partial matches Starlette takes the first
    add_server(router, repository.catalogue, server, version)
    add_models(router, repository.catalogue, choice)
    add_inference(router, predictor, choice)
    add_repository(router, repository, choice, token)
    return router
