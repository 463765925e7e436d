"""`/predict` and `/predict/batch` with an `Idempotency-Key`; see `api/keyless` for all other requests."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from prediction_service.api.instances import check_many, check_one, instance_of, instances_of
from prediction_service.api.responses import write_many, write_one
from prediction_service.api.routes import bad_timeout
from prediction_service.api.schemas import BatchRequest, PredictionRequest
from prediction_service.batching.problems import ModelFailed
from prediction_service.choice import Choice
from prediction_service.idempotency.key import Question, question_of
from prediction_service.idempotency.repeats import Repeats, kept_response
from prediction_service.models.model import Model
from prediction_service.predict import Predicted, Predictor
from prediction_service.records.addition import KeptResponse
from prediction_service.request.caller import caller_of
from prediction_service.signature.signature import Instance
from shared.http.json_body import JsonBody
from shared.http.request_body import MAX_BYTES, check_json_type, read_body
from shared.http.strict_route import StrictRoute

REPEATED = {"Idempotent-Replayed": "true"}
"""What tells a response that was given before, by the name that Stripe's API has made known."""

Body = TypeVar("Body", bound=BaseModel)

Write = Callable[[Sequence[Predicted | ModelFailed]], bytes]
"""From what was predicted to the body of the response."""


class Asked(NamedTuple):
    """What the model is given, and how the response is written."""

    instances: Sequence[Instance]
    write: Write


def one_asked(model: Model, body: PredictionRequest) -> Asked:
    """Of `/predict`. Raises InvalidRequest."""

    def write(predicted: Sequence[Predicted | ModelFailed]) -> bytes:
        (one,) = predicted
        if isinstance(one, ModelFailed):
            raise one
        return write_one(one, include_metrics=body.include_metrics)

    return Asked([instance_of(model, body)], write)


def many_asked(model: Model, body: BatchRequest) -> Asked:
    """Of `/predict/batch`. Raises InvalidRequest."""
    checked = instances_of(model, body)
    return Asked(
        checked.instances,
        lambda predicted: write_many(checked, predicted, include_metrics=body.include_metrics),
    )


def keyed_router(predictor: Predictor, choice: Choice, repeats: Repeats) -> APIRouter:
    """Their document is that of the same paths without a key."""
    router = APIRouter(prefix="/predict", route_class=StrictRoute)
    read_one = JsonBody(PredictionRequest, PredictionRequest.max_values)
    read_many = JsonBody(BatchRequest, BatchRequest.max_values)

    @router.post("", include_in_schema=False)
    async def predict_once(request: Request) -> Response:
        """One prediction, on record once however often it is asked for."""
        question, body = await read(request, read_one, MAX_BYTES)

        choice.allowed(request, body.model_name)  # what is kept is not given either to who may not ask

        def ask() -> tuple[Model, Asked]:
            check_one(body)
            model = choice.of(request, body.model_name, body.model_version, body.wanted_task())
            return model, one_asked(model, body)

        return await respond(request, question, ask)

    @router.post("/batch", include_in_schema=False)
    async def predict_batch_once(request: Request) -> Response:
        """Predictions, on record once however often they are asked for."""
        question, body = await read(request, read_many, BatchRequest.max_body_bytes)

        choice.allowed(request, body.model_name)  # what is kept is not given either to who may not ask

        def ask() -> tuple[Model, Asked]:
            check_many(body)
            model = choice.of(request, body.model_name, body.model_version, body.wanted_task())
            return model, many_asked(model, body)

        return await respond(request, question, ask)

    async def respond(request: Request, question: Question, ask: Callable[[], tuple[Model, Asked]]) -> Response:
        """The first response under this key."""
        caller = caller_of(request, bad_timeout)

        async def compute() -> tuple[KeptResponse, bool]:
            model, asked = ask()
            return await predictor.predict_once(
                model, asked.instances, caller, lambda predicted: kept_response(question, asked.write(predicted))
            )

        body, is_repeat = await repeats.respond(question, caller.timeout_seconds, compute)
        return Response(body, media_type="application/json", headers=REPEATED if is_repeat else None)

    return router


async def read(request: Request, body: JsonBody[Body], max_bytes: int) -> tuple[Question, Body]:
    """What is asked. Raises InvalidRequest, UnsupportedMediaType, BodyTooLarge."""
    check_json_type(request)
    return await read_body(
        request, lambda content: (question_of(request.scope, content), body.parse(content)), max_bytes
    )
