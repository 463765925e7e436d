"""Which outputs a request gets."""

from collections.abc import Sequence

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.outputs import CONFIDENCE, LABEL, Output, is_open, outputs_given, outputs_of
from prediction_service.inference_protocol.schemas import InferenceRequest, RequestedOutput
from prediction_service.models.folders.manifest import Manifest
from prediction_service.predict import Predicted
from prediction_service.signature.inputs import shown

TEXT_CLASSIFIER = (LABEL, CONFIDENCE)
"""What a classifier of texts sends when nothing is named: its clients have taken these two to be all."""

PANDAS = "pd"
"""MLServer's content type of a table: what comes back is read into one, so each output must be a column."""


def check_requested(manifest: Manifest, request: InferenceRequest) -> None:
    """Raises BadInference for an output that the model does not have, if that is known before it is asked."""
    known = [output.name for output in outputs_of(manifest)]
    for requested in request.outputs:
        if requested.parameters.get("classification"):
            raise BadInference("The classification extension is not offered; a classifier has the output 'scores'.")
        if requested.name not in known and not is_open(manifest):
            raise no_such_output(requested.name, known)


def no_such_output(name: str, known: Sequence[str]) -> BadInference:
    """The 400 that says what there is."""
    return BadInference(f"Output '{name[:200]}' is none of this model's, which gives {shown(known)}.")


def requested_outputs(
    manifest: Manifest, request: InferenceRequest, predicted: Sequence[Predicted]
) -> list[tuple[Output, RequestedOutput]]:
    """Those that the client names, in its order; without names, all that it can be expected to read.

    Raises BadInference for a name that a model without declared outputs did not give.
    """
    if not request.outputs:
        return [(output, RequestedOutput(name=output.name)) for output in usual_outputs(manifest, request, predicted)]
    outputs = {output.name: output for output in outputs_given(manifest, predicted)}
    for requested in request.outputs:
        if requested.name not in outputs:
            raise no_such_output(requested.name, list(outputs))
    return [(outputs[requested.name], requested) for requested in request.outputs]


def usual_outputs(manifest: Manifest, request: InferenceRequest, predicted: Sequence[Predicted]) -> Sequence[Output]:
    """What is sent when nothing is named."""
    if manifest.is_text_classification:
        return TEXT_CLASSIFIER
    outputs = outputs_given(manifest, predicted)
    if request.parameters.get("content_type") != PANDAS:
        return outputs
    return [output for output in outputs if not output.shape(manifest)]
