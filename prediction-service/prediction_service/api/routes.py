"""HTTP only: requests, responses, and the errors that are documented."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from prediction_service.api.instances import check_many, check_one, instance_of, instances_of
from prediction_service.api.keyless import KeylessRoute
from prediction_service.api.responses import model_list, write_many, write_one
from prediction_service.api.schemas import (
    BatchRequest,
    BatchResponse,
    ModelList,
    ModelVersion,
    Prediction,
    PredictionRequest,
)
from prediction_service.api.stream_document import STREAMS
from prediction_service.choice import Choice
from prediction_service.idempotency.key import OPENAPI_PARAMETER as IDEMPOTENCY_KEY
from prediction_service.models.candidates import Candidates
from prediction_service.models.card import CardNotFound
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predictor
from prediction_service.request.caller import caller_of
from prediction_service.request.timeout import HEADER, OPENAPI_PARAMETER
from prediction_service.rollouts.policies import Policies
from shared.contracts.names import ModelName
from shared.contracts.problem import FieldError
from shared.http.openapi import problems
from shared.http.problems import InvalidRequest
from shared.http.strict_route import StrictRoute
from shared.http.written_json import WrittenJson

Name = Annotated[ModelName, Path(description="A model of /models", examples=["sentiment"])]
Version = Annotated[ModelVersion, Path(description="X.Y.Z, a version of it", examples=["2.1.0"])]

HEADERS = {"parameters": [OPENAPI_PARAMETER, IDEMPOTENCY_KEY]}


def prediction_router(predictor: Predictor, choice: Choice) -> APIRouter:
    """Predictions."""
    router = APIRouter(prefix="/predict", tags=["predictions"], route_class=KeylessRoute)

    @router.post(
        "",
        summary="One prediction",
        response_model=Prediction,
        responses=problems(404, 409, 422, 503, 504),
        openapi_extra=HEADERS,
    )
    async def predict(body: PredictionRequest, request: Request) -> WrittenJson:
        """What the model says about a text, or about the inputs of a row. It is on record by the time it is sent.

        Without `model_name` the default model is asked; without `model_version` the version that the model's
        rollout has for this caller, which is the newest one as long as nobody has decided otherwise.
        """
        check_one(body)
        model = choice.of(request, body.model_name, body.model_version, body.wanted_task())
        (predicted,) = await predictor.predict(model, [instance_of(model, body)], caller_of(request, bad_timeout))
        return WrittenJson(write_one(predicted, include_metrics=body.include_metrics))

    @router.post(
        "/batch",
        summary="Up to 256 predictions, or a stream of any length",
        response_model=BatchResponse,
        responses=problems(404, 409, 422, 503, 504),
        openapi_extra=HEADERS | STREAMS,
    )
    async def predict_batch(body: BatchRequest, request: Request) -> WrittenJson:
        """One entry for each text or row, in their order, recorded together in one transaction.

        What is not acceptable (a blank text, an input of the wrong type) gets an `error` in its place; if nothing is
        left, it is a 422. So does what the model cannot compute; if it can compute none of them, it is a 500.

        CSV and NDJSON are streams: as many rows as there are, their lines come back while others are still sent. They
        have `model_name`, `model_version` and `task_type` in the query: `/predict/batch?model_name=sentiment`.
        """
        check_many(body)
        model = choice.of(request, body.model_name, body.model_version, body.wanted_task())
        checked = instances_of(model, body)
        predicted = await predictor.predict_each(model, checked.instances, caller_of(request, bad_timeout))
        return WrittenJson(write_many(checked, predicted, include_metrics=body.include_metrics))

    return router


class MarkdownResponse(Response):
    """Text, in UTF-8."""

    media_type = "text/markdown"


def models_router(repository: ModelRepository, policies: Policies, candidates: Candidates, choice: Choice) -> APIRouter:
    """What is served."""
    router = APIRouter(tags=["models"], route_class=StrictRoute)

    @router.get("/models", summary="Models that are loaded, and folders that are not")
    async def list_models(request: Request) -> ModelList:
        """Every loaded version with its task, labels, source, digest, state and share of the requests.

        Folders that do not serve, and why; and which versions requests get that name none, where somebody decided it.
        With a key for some models, of these alone.
        """
        return model_list(repository, policies, candidates, choice.shown(request))

    @router.get(
        "/models/{name}/{version}/card",
        summary="A model's card",
        response_class=MarkdownResponse,
        responses=problems(404, 422, 503),
    )
    async def get_card(name: Name, version: Version, request: Request) -> MarkdownResponse:
        """What the author of a loaded version says of it, as Markdown: the `README.md` of its folder, as it was loaded.

        At most 128 KiB of UTF-8. What it says is the author's; whoever shows it makes no markup of it.
        """
        choice.shown(request).require(name)
        card = repository.catalogue.find(name, version).card
        if card is None:
            raise CardNotFound(name, version)
        return MarkdownResponse(card, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})

    return router


def bad_timeout(message: str) -> InvalidRequest:
    """The 422 for an invalid X-Request-Timeout."""
    return InvalidRequest([FieldError(location=f"header.{HEADER.lower()}", message=message)])
