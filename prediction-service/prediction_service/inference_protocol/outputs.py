"""What a model says, as output tensors: by its task, and `prediction_id` by which feedback finds the prediction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from prediction_service.inference_protocol.values import AS_JSON, Values, tensor_of, values_of
from prediction_service.models.folders.manifest import Manifest
from prediction_service.predict import Predicted


@dataclass(frozen=True, slots=True)
class Output:
    """One output. `value` takes what it has for a row out of the row's prediction."""

    name: str
    datatype: str
    value: Callable[[Predicted], Any]
    shape: Callable[[Manifest], list[int] | None] = lambda _: []
    """Of one row; [] for a single value, None where only the values tell."""
    parameters: Callable[[Manifest], Mapping[str, Any]] = lambda _: {}
    is_checked: bool = True
    """Whether the task has looked at each value: those of generic models may be anything."""

    def tensor(self, manifest: Manifest, predicted: Sequence[Predicted]) -> Values:
        """The output for all rows."""
        rows, shape = list(map(self.value, predicted)), self.shape(manifest)
        if not self.is_checked or shape is None:
            return tensor_of(self.datatype, shape, rows)
        return values_of(self.datatype, shape, rows, self.parameters(manifest))


def scores_of(said: Predicted) -> list[float]:
    """In the manifest's order of labels."""
    return list(said.raw_output["scores"].values())


def labels_of(manifest: Manifest) -> dict[str, str]:
    """The labels in the order of the scores: in JSON, as parameters are no lists."""
    return {"labels": orjson.dumps(manifest.labels).decode()}


def unit_of(manifest: Manifest) -> dict[str, str]:
    """Of a regression's value, if the manifest has one."""
    return {"unit": manifest.unit} if manifest.unit else {}


PREDICTION_ID = Output("prediction_id", "BYTES", lambda said: said.record.prediction_id)

LABEL = Output("label", "BYTES", lambda said: said.record.prediction_label or "")
"""Empty where no label of a multilabel model applies."""

CONFIDENCE = Output("confidence", "FP32", lambda said: said.record.confidence or 0.0)
"""0 where no label of a multilabel model applies."""

SCORES = Output("scores", "FP32", scores_of, lambda manifest: [len(manifest.labels)], labels_of)

APPLYING = Output(
    "labels", "BYTES", lambda said: orjson.dumps(said.raw_output["labels"]).decode(), parameters=lambda _: AS_JSON
)
"""Rows differ in how many labels apply, which is no tensor: for each row a list in JSON."""

VALUE = Output("value", "FP64", lambda said: said.raw_output["value"], parameters=unit_of)

EMBEDDING = Output(
    "embedding", "FP32", lambda said: said.raw_output["vector"], lambda manifest: [manifest.dimension or 0]
)

CLASSIFICATION = (LABEL, CONFIDENCE, SCORES, PREDICTION_ID)

OUTPUTS = {
    "multilabel": (LABEL, CONFIDENCE, APPLYING, SCORES, PREDICTION_ID),
    "regression": (VALUE, PREDICTION_ID),
    "embedding": (EMBEDDING, PREDICTION_ID),
}
"""Task → its outputs; a task of another name that is not generic is a classification."""


def outputs_of(manifest: Manifest) -> Sequence[Output]:
    """All outputs that are known before a request. Of a generic model those that its manifest declares."""
    if manifest.task_type != "generic":
        return OUTPUTS.get(manifest.task_type, CLASSIFICATION)
    return with_id([generic_output(each.name, each.datatype, each.shape) for each in manifest.outputs])


def generic_output(name: str, datatype: str = "", shape: list[int] | None = None) -> Output:
    """An output of a generic model, with what its manifest says of it."""
    return Output(name, datatype, partial(own_value, name), lambda _: shape, is_checked=False)


def own_value(name: str, said: Predicted) -> Any:
    """What a generic model gave for a row under this name; None: nothing."""
    return said.raw_output["outputs"].get(name)


def with_id(outputs: Sequence[Output]) -> Sequence[Output]:
    """And `prediction_id`, unless the model has an output of its own with that name."""
    return outputs if any(output.name == PREDICTION_ID.name for output in outputs) else [*outputs, PREDICTION_ID]


def is_open(manifest: Manifest) -> bool:
    """Whether a model's outputs are known only when it has been asked."""
    return manifest.task_type == "generic" and not manifest.outputs


def outputs_given(manifest: Manifest, predicted: Sequence[Predicted]) -> Sequence[Output]:
    """All outputs of an answer. A generic model that declares none has those that it gave for any row."""
    if not is_open(manifest):
        return outputs_of(manifest)
    names = dict.fromkeys(name for said in predicted for name in said.raw_output["outputs"])
    return with_id(list(map(generic_output, names)))
