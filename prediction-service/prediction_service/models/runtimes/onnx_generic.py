"""From tensors, sequences and maps to named outputs for each row, whatever they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from prediction_service.batching.runtime import ModelError
from prediction_service.models.runtimes.onnx_session import told
from prediction_service.models.runtimes.onnx_values import KINDS
from prediction_service.signature.datatypes import NUMPY
from prediction_service.tasks.outputs import DeclaredOutput
from prediction_service.tasks.task import Output


class GenericResults:
    """All outputs of the graph, or those that are declared. Each has an element for every row."""

    def __init__(self, nodes: Sequence[Any], declared: Sequence[DeclaredOutput]) -> None:
        by_name = {node.name: node for node in nodes}
        for output in declared:
            check_output(output, by_name.get(output.name), nodes)
        self.names = [output.name for output in declared] or list(by_name)
        self._parallel: dict[str, bool] = {}
        """Sequence → whether its elements are tensors with all rows each, and not what belongs to one row each. Decided
        by the first call, which is made at load with one row: later, the two may look alike."""

    def rows(self, values: Sequence[Any], expected: int) -> Sequence[dict[str, Any]]:
        """One for each of the first `expected` rows. Raises ModelError."""
        columns = [self._by_row(name, value, expected) for name, value in zip(self.names, values, strict=True)]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _by_row(self, name: str, value: Any, expected: int) -> Iterable[Any]:
        """What one output says of each row."""
        if not isinstance(value, list):
            return rows_of(name, value, expected)
        if name not in self._parallel:
            self._parallel[name] = len(value) != expected and all(np.shape(each)[:1] == (expected,) for each in value)
        if not self._parallel[name]:
            return elements_of(name, value, expected)
        return map(together, zip(*(rows_of(name, each, expected) for each in value), strict=True))

    def outputs(self, rows: Sequence[dict[str, Any]]) -> Sequence[Output]:
        """As they are."""
        return rows


def check_output(declared: DeclaredOutput, node: Any, nodes: Sequence[Any]) -> None:
    """Raises ModelError for an output that the graph has not, or has otherwise."""
    if node is None:
        raise ModelError(f"has no output {declared.name}, which is declared; it gives {told(nodes)}")
    if node.type not in KINDS:
        return  # sequences and maps have no datatype
    if np.dtype(NUMPY[declared.datatype]) != np.dtype(KINDS[node.type]):
        raise ModelError(f"the output {declared.name} is declared {declared.datatype}, and the model's is {node.type}")
    sizes = list(node.shape)[1:]
    if declared.shape is None or not node.shape:
        return
    fitting = len(sizes) == len(declared.shape) and all(
        wanted in {-1, size} or not isinstance(size, int) for size, wanted in zip(sizes, declared.shape, strict=True)
    )
    if not fitting:
        raise ModelError(
            f"the output {declared.name} is declared with the shape {declared.shape}, and the model's is {node.shape}, "
            f"the rows first: say shape = {[size if isinstance(size, int) else -1 for size in sizes]}"
        )


def rows_of(name: str, value: Any, expected: int) -> Iterable[Any]:
    """What a tensor says of each row. Raises ModelError where that cannot be told."""
    array = np.asarray(value)
    if array.ndim == 0 or len(array) < expected:
        raise ModelError(
            f"output {name} has the shape {list(array.shape)} for {expected} rows; its first dimension must be that of "
            "the rows: leave it out of [[outputs]] if it is not about rows, or say max_rows = 1 if it is fixed"
        )
    return array[:expected]


def elements_of(name: str, values: Sequence[Any], expected: int) -> Iterable[Any]:
    """A sequence with an element for each row. Raises ModelError."""
    if len(values) < expected:
        raise ModelError(f"output {name} is a sequence of {len(values)} for {expected} rows; it must have one for each")
    return [as_json(value) for value in values[:expected]]


def together(rows: Sequence[Any]) -> Any:
    """Rows of several tensors as one array, or as lists where their shapes differ."""
    return np.stack(rows) if len({np.shape(row) for row in rows}) == 1 else [row.tolist() for row in rows]


def as_json(value: Any) -> Any:
    """A map with names as its keys; anything else as it is."""
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else value
