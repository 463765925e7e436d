"""`/v2`: HTTP only. Inference goes the same way as /predict and is on record like it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import Field, SecretStr, ValidationError
from starlette.routing import Match

from prediction_service.inference_protocol.descriptions import EXTENSIONS, index_of, metadata_of, statistics_of
from prediction_service.inference_protocol.errors import (
    BadInference,
    FallbackRoute,
    NotInProtocol,
    ProtocolRoute,
    documented_errors,
)
from prediction_service.inference_protocol.schemas import IndexRequest, InferenceRequest, RequestedOutput
from prediction_service.inference_protocol.tensors import OutputTensor, read_request, write_response
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predicted, Predictor
from prediction_service.request.caller import caller_of
from prediction_service.request.texts import MAX_BATCH_BYTES, MAX_BATCH_CHARACTERS, MAX_TEXTS, check_text
from prediction_service.request.timeout import HEADER as REQUEST_TIMEOUT
from prediction_service.request.timeout import OPENAPI_PARAMETER
from shared.http.openapi import problem_response
from shared.http.request_body import read_body
from shared.service.admin_token import admin_token
from shared.service.stopping import is_stopping
from shared.telemetry.requests import METHODS

JSON_LENGTH = "Inference-Header-Content-Length"
NOT_READY = {
    "description": "Not ready",
    "content": {
        "application/json": {"schema": {"type": "object"}},
        **problem_response(503)["content"],
    },
}
"""The protocol's own form, or a problem where there is nobody to say it."""

Name = Annotated[str, Field(description="A model of `/v2/repository/index`", examples=["sentiment"])]
Version = Annotated[str | None, Field(description="Not given: the newest that is loaded", examples=["1.0.0"])]

COMPONENT = "#/components/schemas/{model}"
BODY = InferenceRequest.model_json_schema(mode="validation", ref_template=COMPONENT)
INFER_REQUEST = {
    "parameters": [OPENAPI_PARAMETER],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": InferenceRequest.model_json_schema(mode="validation", ref_template=COMPONENT)
            }
        },
    },
}


def protocol_router(
    predictor: Predictor, repository: ModelRepository, token: SecretStr, *, server: str, version: str
) -> APIRouter:
    """Everything below /v2."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"], route_class=ProtocolRoute)
    add_not_found(router)
    add_server(router, repository, server, version)
    add_models(router, repository)
    add_inference(router, predictor)
    add_repository(router, repository, token)
    return router


def add_server(router: APIRouter, repository: ModelRepository, server: str, version: str) -> None:
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
        ready = repository.has_default() and not is_stopping(request.scope)
        response.status_code = 200 if ready else 503
        return {"ready": ready}


def add_models(router: APIRouter, repository: ModelRepository) -> None:
    """Metadata, readiness and statistics of models."""

    @router.get("/models/stats", summary="Statistics of all models")
    async def all_statistics() -> dict[str, Any]:
        return {"model_stats": [statistics_of(model) for model in repository.models()]}

    @router.get("/models/{name}", summary="Inputs and outputs of a model", responses=documented_errors(404))
    @router.get("/models/{name}/versions/{version}", include_in_schema=False)
    async def model_metadata(name: Name, version: Version = None) -> dict[str, Any]:
        chosen = repository.choose(name, version)
        versions = [model.version for model in repository.models() if model.name == name]
        return metadata_of(chosen, versions)

    @router.get("/models/{name}/ready", summary="Whether a model takes requests", responses=documented_errors(404))
    @router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(name: Name, response: Response, version: Version = None) -> dict[str, Any]:
        ready = not repository.choose(name, version).batcher.unavailable
        response.status_code = 200 if ready else 503
        return {"name": name, "ready": ready}

    @router.get("/models/{name}/stats", summary="Statistics of a model", responses=documented_errors(404))
    @router.get("/models/{name}/versions/{version}/stats", include_in_schema=False)
    async def model_statistics(name: Name, version: Version = None) -> dict[str, Any]:
        repository.choose(name, version)
        models = [model for model in repository.models() if model.name == name and version in {None, model.version}]
        return {"model_stats": [statistics_of(model) for model in models]}


def add_inference(router: APIRouter, predictor: Predictor) -> None:
    """Inference."""

    @router.post(
        "/models/{name}/infer",
        summary="Up to 256 predictions, as tensors",
        responses=documented_errors(400, 404, 413, 415, 503, 504),
        openapi_extra=INFER_REQUEST,
    )
    @router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
    async def infer(name: Name, request: Request, version: Version = None) -> Response:
        """Input `text` BYTES [n]; outputs `label` BYTES [n] and `confidence` FP32 [n]; JSON or binary.

        The body may be compressed: `Content-Encoding` gzip or deflate.
        """
        json_length = request.headers.get(JSON_LENGTH)
        wanted, texts = await read_body(request, lambda body: read_request(body, json_length), MAX_BATCH_BYTES)
        check_texts(texts)
        requested = requested_outputs(wanted)
        predicted = await predictor.predict(texts, caller_of(request, bad_timeout), name=name, version=version)
        return inference_response(wanted, requested, predicted)


def add_repository(router: APIRouter, repository: ModelRepository, token: SecretStr) -> None:
    """The index, and what operators may do."""
    admin = [Depends(admin_token(token))]

    @router.post(
        "/repository/index", summary="Every version that is known, and its state", responses=documented_errors(400, 413)
    )
    async def repository_index(request: Request) -> list[dict[str, str]]:
        asked = await read_body(request, read_index_request)
        return index_of(repository, ready=asked.ready)

    @router.post(
        "/repository/models/{name}/load",
        summary="Load a model's folders anew",
        responses=documented_errors(401, 404, 422),
        dependencies=admin,
    )
    async def load_model(name: Name) -> dict[str, Any]:
        """Versions that are new or changed are loaded beside what serves, and then take over."""
        await repository.load(name)
        return {}

    @router.post(
        "/repository/models/{name}/unload",
        summary="Take a model out of service",
        responses=documented_errors(401, 404),
        dependencies=admin,
    )
    async def unload_model(name: Name) -> dict[str, Any]:
        """All versions finish what they have; `load` brings them back."""
        await repository.unload(name)
        return {}


def add_not_found(router: APIRouter) -> None:
    """What is no part of the protocol, in its form. First: of routes that half match, the first is taken."""

    async def not_in_protocol(path: str, request: Request) -> None:
        raise NotInProtocol(methods_at(router, request))

    methods, route = sorted(METHODS), FallbackRoute
    router.add_api_route(
        "/{path:path}", not_in_protocol, methods=methods, include_in_schema=False, route_class_override=route
    )


def read_index_request(body: bytes) -> IndexRequest:
    """No body asks for everything. Raises BadInference."""
    try:
        return IndexRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise BadInference("The body is {} or {'ready': true}.") from error


def methods_at(router: APIRouter, request: Request) -> set[str]:
    """The methods that the protocol has at the path of a request whose own method it does not have there."""
    routes = [route for route in router.routes if isinstance(route, APIRoute) and not isinstance(route, FallbackRoute)]
    matching = (route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL)
    return {method for route in matching for method in route.methods or ()}


def bad_timeout(message: str) -> BadInference:
    """The 400 for an X-Request-Timeout that is none."""
    return BadInference(f"{REQUEST_TIMEOUT} {message}.")


def check_texts(texts: Sequence[str]) -> None:
    """Raises BadInference for more texts than a batch may have, or a text that is not acceptable."""
    if len(texts) > MAX_TEXTS:
        raise BadInference(f"At most {MAX_TEXTS} texts at once.")
    if sum(map(len, texts)) > MAX_BATCH_CHARACTERS:
        raise BadInference(f"At most {MAX_BATCH_CHARACTERS} characters at once.")
    for index, text in enumerate(texts):
        try:
            check_text(text)
        except ValueError as error:
            raise BadInference(f"Input 'text', element {index}: {error}.") from error


def requested_outputs(request: InferenceRequest) -> list[RequestedOutput]:
    """Those that the client names; without names, all. Raises BadInference."""
    for output in request.outputs:
        if output.name not in {"label", "confidence"}:
            raise BadInference("This model's outputs are 'label' and 'confidence'.")
    return request.outputs or [RequestedOutput(name="label"), RequestedOutput(name="confidence")]


def inference_response(
    request: InferenceRequest, requested: Sequence[RequestedOutput], predicted: Sequence[Predicted]
) -> Response:
    """The outputs that were requested, in that order."""
    records = [prediction.record for prediction in predicted]
    outputs = [
        OutputTensor("label", "BYTES", [record.prediction_label for record in records], request.wants_binary(output))
        if output.name == "label"
        else OutputTensor("confidence", "FP32", [record.confidence for record in records], request.wants_binary(output))
        for output in requested
    ]
    head: dict[str, Any] = {"model_name": records[0].model_name, "model_version": records[0].model_version}
    if request.id is not None:
        head["id"] = request.id
    body, json_length = write_response(head, outputs)
    if json_length is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type="application/octet-stream", headers={JSON_LENGTH: str(json_length)})
