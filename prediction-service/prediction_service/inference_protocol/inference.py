"""`/v2/models/{name}/infer`: predictions as tensors, computed and recorded as those of /predict are."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from prediction_service.choice import Choice
from prediction_service.inference_protocol.errors import BadInference, documented_errors
from prediction_service.inference_protocol.instances import instances_of
from prediction_service.inference_protocol.paths import Name, Version
from prediction_service.inference_protocol.reading import read_request
from prediction_service.inference_protocol.requested import check_requested, requested_outputs
from prediction_service.inference_protocol.schemas import InferenceRequest, InferenceResponse
from prediction_service.inference_protocol.writing import OutputTensor, write_response
from prediction_service.models.folders.manifest import Manifest
from prediction_service.predict import Predicted, Predictor
from prediction_service.request.caller import caller_of
from prediction_service.request.texts import MAX_BATCH_BYTES
from prediction_service.request.timeout import HEADER as REQUEST_TIMEOUT
from prediction_service.request.timeout import OPENAPI_PARAMETER
from shared.http.request_body import read_body
from shared.http.written_json import WrittenJson

JSON_LENGTH = "Inference-Header-Content-Length"

BODY = InferenceRequest.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
INFER_REQUEST = {
    "parameters": [OPENAPI_PARAMETER],
    "requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}},
}

INFER_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "model": InferenceResponse,
        "description": f"JSON; with binary outputs behind it, and {JSON_LENGTH} says where they begin",
        "content": {"application/octet-stream": {}},
    }
}


def add_inference(router: APIRouter, predictor: Predictor, choice: Choice) -> None:
    """Inference."""

    @router.post(
        "/models/{name}/infer",
        summary="Up to 256 predictions, as tensors",
        responses=INFER_RESPONSE | documented_errors(400, 404, 413, 415, 500, 503, 504),
        openapi_extra=INFER_REQUEST,
    )
    @router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
    async def infer(name: Name, request: Request, version: Version = None) -> Response:
        """The inputs and outputs that the model's metadata list, in JSON or binary, a row for each prediction.

        A model of one text: input `text` BYTES [n]; outputs `label` BYTES [n] and `confidence` FP32 [n], and where they
        are asked for `scores` FP32 [n, labels] and `prediction_id` BYTES [n]. The body may be compressed:
        `Content-Encoding` gzip or deflate.
        """
        json_length = request.headers.get(JSON_LENGTH)
        asked = await read_body(request, lambda body: read_request(body, json_length), MAX_BATCH_BYTES)
        model = choice.of(request, name, version)
        check_requested(model.manifest, asked.request)
        instances = instances_of(model.manifest.signature, asked.tensors)
        predicted = await predictor.predict(model, instances, caller_of(request, bad_timeout))
        return inference_response(model.manifest, asked.request, predicted)


def bad_timeout(message: str) -> BadInference:
    """The 400 for an invalid X-Request-Timeout."""
    return BadInference(f"{REQUEST_TIMEOUT} {message}.")


def inference_response(manifest: Manifest, request: InferenceRequest, predicted: Sequence[Predicted]) -> Response:
    """The outputs that were requested, in that order."""
    outputs = [
        OutputTensor(output.name, output.tensor(manifest, predicted), request.wants_binary(requested))
        for output, requested in requested_outputs(manifest, request, predicted)
    ]
    record = predicted[0].record
    head: dict[str, Any] = {"model_name": record.model_name, "model_version": record.model_version}
    if request.id is not None:
        head["id"] = request.id
    body, json_length = write_response(head, outputs)
    if json_length is None:
        return WrittenJson(body)
    return Response(body, media_type="application/octet-stream", headers={JSON_LENGTH: str(json_length)})
