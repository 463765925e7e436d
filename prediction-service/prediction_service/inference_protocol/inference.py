"""`/v2/models/{name}/infer`: predictions as tensors, computed and recorded as those of /predict are."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from prediction_service.inference_protocol.errors import BadInference, documented_errors
from prediction_service.inference_protocol.paths import Name, Version
from prediction_service.inference_protocol.schemas import InferenceRequest, RequestedOutput
from prediction_service.inference_protocol.tensors import OutputTensor, read_request, write_response
from prediction_service.predict import Predicted, Predictor
from prediction_service.request.caller import caller_of
from prediction_service.request.texts import MAX_BATCH_BYTES, MAX_BATCH_CHARACTERS, MAX_TEXTS, check_text
from prediction_service.request.timeout import HEADER as REQUEST_TIMEOUT
from prediction_service.request.timeout import OPENAPI_PARAMETER
from shared.http.request_body import read_body

JSON_LENGTH = "Inference-Header-Content-Length"

BODY = InferenceRequest.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
INFER_REQUEST = {
    "parameters": [OPENAPI_PARAMETER],
    "requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}},
}


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


def bad_timeout(message: str) -> BadInference:
    """The 400 for an invalid X-Request-Timeout."""
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
    """The outputs that the client names, or all if it names none. Raises BadInference."""
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
        OutputTensor(
            "label", "BYTES", [record.prediction_label or "" for record in records], request.wants_binary(output)
        )
        if output.name == "label"
        else OutputTensor(
            "confidence", "FP32", [record.confidence or 0.0 for record in records], request.wants_binary(output)
        )
        for output in requested
    ]
    head: dict[str, Any] = {"model_name": records[0].model_name, "model_version": records[0].model_version}
    if request.id is not None:
        head["id"] = request.id
    body, json_length = write_response(head, outputs)
    if json_length is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type="application/octet-stream", headers={JSON_LENGTH: str(json_length)})
