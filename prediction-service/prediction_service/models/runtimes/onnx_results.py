"""From what a session gives to one output for each row, as the task has it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.activations import Array, sigmoid, softmax
from prediction_service.models.runtimes.onnx_generic import GenericResults
from prediction_service.models.runtimes.onnx_output import NUMBERS, ScoresOutput
from prediction_service.models.runtimes.onnx_session import told
from prediction_service.tasks.task import Output

TENSORS = "seq(tensor("
WHOLE = frozenset({"tensor(int64)", "tensor(int32)"})

PAIR = 2
"""Probabilities of no and yes, which scikit-learn gives for each label of several."""


Rows = Any
"""A sequence, or an array, with an element for each row."""


class Results(Protocol):
    """What is asked of a session, and what is made of it."""

    names: list[str]
    """The graph's outputs that are needed."""

    def rows(self, values: Sequence[Any], expected: int) -> Rows:
        """What the model says of each of the first `expected` rows. Raises ModelError for values that are none."""
        ...

    def outputs(self, rows: Rows) -> Sequence[Output]:
        """The outputs of rows."""
        ...


def results_for(nodes: Sequence[Any], manifest: Manifest, settings: OnnxOptions) -> Results:
    """By the manifest's task. Raises ModelError where the graph has no output for it."""
    if manifest.task_type == "multilabel":
        return MultilabelResults(nodes, manifest.labels, settings)
    if manifest.task_type == "regression":
        return RegressionResults(nodes, settings.output)
    if manifest.task_type == "embedding":
        return EmbeddingResults(nodes, settings)
    if manifest.task_type == "generic":
        return GenericResults(nodes, manifest.outputs)
    return ClassificationResults(nodes, manifest.labels, settings)


class ClassificationResults:
    """A probability for each label; the label that the model itself chooses is left out."""

    def __init__(self, nodes: Sequence[Any], labels: Sequence[str], settings: OnnxOptions) -> None:
        self.scores = ScoresOutput(nodes, settings.output, labels)
        self.names = [self.scores.name]
        self._softmax, self._binary = settings.softmax, settings.binary

    def rows(self, values: Sequence[Any], expected: int) -> Array:
        """See Results."""
        rows = self.scores.rows(values[0], expected)
        return two_labels(rows, self._binary, self.scores.name) if self._binary else rows

    def outputs(self, rows: Sequence[Array]) -> Sequence[Output]:
        """See Results."""
        numbers = np.asarray(rows)
        return (softmax(numbers) if self._softmax else numbers).tolist()  # type: ignore[no-any-return]


def two_labels(rows: Array, given: str, name: str) -> Array:
    """[n, 1] → [n, 2]: the number is the second label's. Raises ModelError for more than one number."""
    if rows.shape[1] != 1:
        raise ModelError(f"output {name} has {rows.shape[1]} numbers for each row; leave runtime.binary out")
    second = sigmoid(rows) if given == "logit" else rows
    return np.hstack([1.0 - second, second])


class MultilabelResults:
    """A probability for each label, for itself: [n, labels], or no and yes for each label, as scikit-learn has it."""

    def __init__(self, nodes: Sequence[Any], labels: Sequence[str], settings: OnnxOptions) -> None:
        self._labels, self._sigmoid = len(labels), settings.sigmoid
        self._name = only_output(nodes, settings.output, lambda node: node.type in NUMBERS or TENSORS in node.type)
        self.names = [self._name]

    def rows(self, values: Sequence[Any], expected: int) -> Array:
        """See Results."""
        (value,) = values
        rows = self._of_labels(value, expected) if isinstance(value, list) else np.asarray(value)
        if rows.ndim == 3 and rows.shape[2] == PAIR:
            rows = rows[:, :, 1]
            rows = rows.T if len(rows) == self._labels and rows.shape[1] == expected else rows
        if rows.ndim == 1 and self._labels == 1:
            rows = rows.reshape(-1, 1)
        return checked_rows(rows, self._name, expected, dimensions=2).astype(np.float64)

    def _of_labels(self, arrays: Sequence[Any], expected: int) -> Array:
        """A sequence of one [n, 2] for each label, as scikit-learn's MultiOutputClassifier has it."""
        shapes = {np.shape(each) for each in arrays}
        if len(arrays) != self._labels or len(shapes) != 1 or shapes.pop()[1:] not in {(PAIR,), (1,)}:
            given = ", ".join(str(list(np.shape(each))) for each in arrays[:4])
            raise ModelError(
                f"output {self._name} is a sequence of {len(arrays)} tensors ({given}, …) for {expected} rows; a "
                f"multilabel model of {self._labels} labels gives one tensor [n, {PAIR}] for each label"
            )
        return np.stack([np.asarray(each)[:, -1] for each in arrays], axis=1)

    def outputs(self, rows: Sequence[Array]) -> Sequence[Output]:
        """See Results."""
        numbers = np.asarray(rows)
        return (sigmoid(numbers) if self._sigmoid else numbers).tolist()  # type: ignore[no-any-return]


class RegressionResults:
    """A number: [n] or [n, 1]."""

    def __init__(self, nodes: Sequence[Any], named: str | None) -> None:
        self._name = only_output(nodes, named, lambda node: node.type in NUMBERS or node.type in WHOLE)
        self.names = [self._name]

    def rows(self, values: Sequence[Any], expected: int) -> Array:
        """See Results."""
        rows = np.asarray(values[0])
        if rows.ndim > 1 and rows.size != len(rows):
            raise ModelError(
                f"output {self._name} has the shape {list(rows.shape)}, several numbers for each row; a regression "
                'gives one: say task_type = "generic" for several values, or "embedding" for a vector'
            )
        return checked_rows(rows.reshape(-1), self._name, expected, dimensions=1).astype(np.float64)

    def outputs(self, rows: Sequence[Array]) -> Sequence[Output]:
        """See Results."""
        return np.asarray(rows).tolist()  # type: ignore[no-any-return]


class EmbeddingResults:
    """A vector: [n, dimension]; of length 1 where the manifest says so."""

    USUAL = "sentence_embedding"
    """What sentence-transformers and Optimum call it, beside an output for every token."""

    def __init__(self, nodes: Sequence[Any], settings: OnnxOptions) -> None:
        named = settings.output
        if named is None and any(node.name == self.USUAL for node in nodes):
            named = self.USUAL
        self.name = only_output(nodes, named, lambda node: node.type in NUMBERS)
        self.names = [self.name]
        self._normalize = settings.normalize

    def rows(self, values: Sequence[Any], expected: int) -> Array:
        """See Results."""
        return checked_rows(np.asarray(values[0]), self.name, expected, dimensions=2).astype(np.float64)

    def outputs(self, rows: Sequence[Array]) -> Sequence[Output]:
        """See Results."""
        numbers = np.asarray(rows)
        return (normalized(numbers) if self._normalize else numbers).tolist()  # type: ignore[no-any-return]


SMALLEST = 1e-12
"""A vector that is shorter has no direction, and stays as it is; the number is PyTorch's."""


def normalized(rows: Array) -> Array:
    """Vectors of length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), SMALLEST))


def only_output(nodes: Sequence[Any], named: str | None, is_able: Callable[[Any], bool]) -> str:
    """The output that is named, else the only one of the right kind. Raises ModelError."""
    able: list[str] = [node.name for node in nodes if is_able(node)]
    if named is not None:
        if named not in able:
            kind = next((f" is {node.type}" for node in nodes if node.name == named), " is not there")
            raise ModelError(
                f"runtime.output: {named}{kind}; name one with numbers: {', '.join(able) or 'there is none'}"
            )
        return named
    if len(able) != 1:
        raise ModelError(
            f"name one of its outputs in runtime.output: {', '.join(able)}"
            if able
            else f"has no output with numbers, only {told(nodes)}"
        )
    return able[0]


def checked_rows(rows: Array, name: str, expected: int, *, dimensions: int) -> Array:
    """As many rows as were asked for. Raises ModelError."""
    if rows.ndim != dimensions:
        what = "number" if dimensions == 1 else "row of numbers"
        raise ModelError(
            f"output {name} has the shape {list(rows.shape)} for {expected} rows, which is not one {what} for each"
        )
    if len(rows) < expected:
        raise ModelError(
            f"output {name} has {len(rows)} rows for {expected}; the number of rows must stay open: dynamic_axes or "
            "dynamic_shapes (PyTorch), None as the first size in initial_types (skl2onnx); or say max_rows = 1"
        )
    return rows[:expected]
