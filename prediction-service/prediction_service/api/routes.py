"""HTTP only: requests, responses, and the errors that are documented."""

from fastapi import APIRouter, Request

from prediction_service.api.responses import batch_response, check_batch, model_list, prediction_of
from prediction_service.api.schemas import BatchRequest, BatchResponse, ModelList, Prediction, PredictionRequest
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predictor
from prediction_service.request.caller import caller_of
from prediction_service.request.timeout import HEADER, OPENAPI_PARAMETER
from shared.contracts.problem import FieldError
from shared.http.openapi import problems
from shared.http.problems import InvalidRequest
from shared.http.strict_route import StrictRoute

REQUEST_TIMEOUT = {"parameters": [OPENAPI_PARAMETER]}


def prediction_router(predictor: Predictor) -> APIRouter:
    """Predictions."""
    router = APIRouter(prefix="/predict", tags=["predictions"], route_class=StrictRoute)

    @router.post("", summary="One prediction", responses=problems(404, 422, 503, 504), openapi_extra=REQUEST_TIMEOUT)
    async def predict(body: PredictionRequest, request: Request) -> Prediction:
        """What the model says about a text. The answer is on record by the time it is sent.

        Without `model_name` the default model answers; without `model_version` the newest version.
        """
        (predicted,) = await predictor.predict(
            [body.text],
            caller_of(request, bad_timeout),
            name=body.model_name,
            version=body.model_version,
            task=body.wanted_task(),
        )
        return prediction_of(predicted, include_metrics=body.include_metrics)

    @router.post(
        "/batch", summary="Up to 256 predictions", responses=problems(404, 422, 503, 504), openapi_extra=REQUEST_TIMEOUT
    )
    async def predict_batch(body: BatchRequest, request: Request) -> BatchResponse:
        """One entry for each text, in their order, recorded together in one transaction.

        A text that is blank, too long or contains NUL gets an `error` in its place; if all are like that, it is a 422.
        So does a text that the model cannot compute; if it can compute none of them, it is a 500.
        """
        checked = check_batch(body.texts)
        predicted = await predictor.predict_each(
            checked.texts,
            caller_of(request, bad_timeout),
            name=body.model_name,
            version=body.model_version,
            task=body.wanted_task(),
        )
        return batch_response(checked, predicted, include_metrics=body.include_metrics)

    return router


def models_router(repository: ModelRepository) -> APIRouter:
    """What is served."""
    router = APIRouter(tags=["models"], route_class=StrictRoute)

    @router.get("/models", summary="Models that are loaded, and folders that are not")
    async def list_models() -> ModelList:
        """Every loaded version with its task, labels, source, digest and state; folders that do not serve, and why."""
        return model_list(repository)

    return router


def bad_timeout(message: str) -> InvalidRequest:
    """The 422 for an invalid X-Request-Timeout."""
    return InvalidRequest([FieldError(location=f"header.{HEADER.lower()}", message=message)])
