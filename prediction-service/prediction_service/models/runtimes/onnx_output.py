"""From a session's output to one row of numbers per text: a tensor, or ZipMap's maps from label to probability."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prediction_service.batching.runtime import ModelError

NUMBERS = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})
MAPS = "seq(map("
LABELS = frozenset({"tensor(string)", "tensor(int64)"})

USUAL_NAMES = ("logits", "probabilities", "output_probability", "probability", "scores")
"""Which of several outputs with numbers to take: Hugging Face's name, then those of scikit-learn's converters."""

Array = np.ndarray[Any, Any]


class ScoresOutput:
    """The output with the scores. The manifest's `labels` give the order of the columns if the output has maps."""

    def __init__(self, nodes: Sequence[Any], named: str | None, labels: Sequence[str]) -> None:
        outputs = {node.name: node for node in nodes}
        self.name = chosen(outputs, named, len(labels))
        self._labels = list(labels)
        self._order: list[Any] | None = None
        self.by_name = False
        """Whether the model names the label of each number, with the labels of the manifest."""

    def rows(self, value: Any, expected: int) -> Array:
        """One row for each text, as float64. Raises ModelError."""
        rows = self._of_maps(value) if isinstance(value, list) else np.asarray(value)
        if rows.ndim == 1 and len(rows) == expected:
            rows = rows.reshape(-1, 1)
        if rows.ndim != 2:
            raise ModelError(
                f"output {self.name} has {rows.ndim} dimensions; rows and labels make two{advice(rows.ndim)}"
            )
        if len(rows) < expected:
            raise ModelError(
                f"output {self.name} has {len(rows)} rows for {expected}; the number of rows must stay open: "
                "dynamic_axes or dynamic_shapes (PyTorch), None as the first size in initial_types (skl2onnx); or say "
                "max_rows = 1"
            )
        return rows[:expected].astype(np.float64)

    def _of_maps(self, maps: Sequence[Any]) -> Array:
        """ZipMap: by the manifest's labels if these are the maps' keys, else in the order of the keys."""
        if not all(isinstance(each, Mapping) for each in maps):
            raise ModelError(f"output {self.name} is a sequence of {type(maps[0]).__name__}s, not of ZipMap's maps")
        if self._order is None:
            by_name = {str(key): key for key in maps[0]}
            self.by_name = by_name.keys() == set(self._labels)
            ordered = self._labels if self.by_name else sorted_keys(by_name)
            self._order = [by_name[label] for label in ordered]
        return np.array([[each[key] for key in self._order] for each in maps], dtype=np.float64)


def sorted_keys(by_name: Mapping[str, Any]) -> list[str]:
    """Sorted like scikit-learn's classes: numbers by value, strings by their characters."""
    return sorted(by_name, key=lambda name: by_name[name])


def chosen(outputs: Mapping[str, Any], named: str | None, labels: int) -> str:
    """The name of the output that the manifest names, else of the only one that fits. Raises ModelError."""
    numeric = {
        name: output for name, output in outputs.items() if output.type in NUMBERS or output.type.startswith(MAPS)
    }
    if named is not None:
        if named not in numeric:
            kind = f" is {outputs[named].type}" if named in outputs else " is not there"
            raise ModelError(
                f"runtime.output: {named}{kind}; name one with numbers: {', '.join(numeric) or 'there is none'}"
            )
        return named
    fitting = [name for name, output in numeric.items() if fits(output, labels)]
    for candidates in (list(numeric), fitting, [name for name in USUAL_NAMES if name in (fitting or numeric)][:1]):
        if len(candidates) == 1:
            return candidates[0]
    raise ModelError(none_chosen(outputs, numeric))


def none_chosen(outputs: Mapping[str, Any], numeric: Mapping[str, Any]) -> str:
    """What to do when it is not clear which output to take."""
    if not numeric:
        kinds = ", ".join(f"{name} ({output.type})" for name, output in outputs.items())
        return f"has no output with numbers, only {kinds}; export the probabilities too (predict_proba)"
    text = f"name one of its outputs in runtime.output: {', '.join(numeric)}"
    if len(numeric) > 1 and all(list(output.shape or ())[1:] in ([], [1]) for output in numeric.values()):
        text += "; if each has the probability of one class (zipmap='columns' of skl2onnx), export with zipmap=False"
    return text


def fits(output: Any, labels: int) -> bool:
    """Whether its shape can be [texts, labels]."""
    shape = output.shape or []
    return output.type.startswith(MAPS) or (len(shape) == 2 and (not isinstance(shape[1], int) or shape[1] == labels))


def advice(dimensions: int) -> str:
    """What to do about an output of so many dimensions."""
    if dimensions == 3:
        return (
            "; scores for every token are no classification of the text: export for text classification (Optimum: "
            "--task text-classification; PyTorch: AutoModelForSequenceClassification); or say "
            'task_type = "generic" and entities = true'
        )
    return ""


def label_output(nodes: Sequence[Any], scores: str) -> str | None:
    """The output with the label that the model itself chooses, as scikit-learn's converters add it; None without."""
    names = [
        output.name
        for output in nodes
        if output.name != scores and output.type in LABELS and len(output.shape or [0]) == 1
    ]
    return names[0] if len(names) == 1 else None
