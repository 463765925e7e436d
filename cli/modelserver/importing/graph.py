"""Runs a converted model over rows as requests have them: an independent reading of what the service does."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modelserver.errors import RefusedError
from modelserver.importing.original import Converted, GraphInput, Numbers
from modelserver.importing.sample import Row
from modelserver.inputs import DeclaredInput
from modelserver.libraries import library

ROWS = 256
"""Of one call."""

PAIR = 2
"""Probabilities of no and yes, which scikit-learn gives for each of several labels."""


class Graph:
    """An ONNX graph, ready to be asked."""

    def __init__(self, converted: Converted, inputs: Sequence[DeclaredInput], task: str) -> None:
        self._inputs = {declared.name: declared for declared in inputs}
        self._converted, self._task = converted, task
        self._session = session_of(converted.content)
        self._names = {plain(node.name): node.name for node in self._session.get_inputs()}
        self.output = converted.runtime.get("output") or output_name(self._session, task)

    def says(self, rows: Sequence[Row]) -> Numbers:
        """As the original's `says`."""
        numpy = library("numpy")
        parts = [self._call(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
        return numpy.concatenate(parts)

    def _call(self, rows: Sequence[Row]) -> Numbers:
        feed = {self._names[plain(each.name)]: self._array(each, rows) for each in self._converted.inputs}
        (given,) = self._session.run([self.output], feed)
        return numbers_of(given, self._task, len(rows))

    def _array(self, wanted: GraphInput, rows: Sequence[Row]) -> Any:
        numpy = library("numpy")
        missing = "" if wanted.dtype == "object" else math.nan
        values = [
            [as_given(row.get(name), self._inputs[name], wanted.dtype, missing) for name in wanted.columns]
            for row in rows
        ]
        return numpy.array(values, dtype=wanted.dtype)


def session_of(content: bytes) -> Any:
    """A session that writes nothing to the terminal. Raises whatever ONNX Runtime raises."""
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.x64quantprecision", "1")  # as the server has it
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def plain(name: str) -> str:
    """A column's name as converters write it."""
    return "".join(sign if sign.isalnum() else "_" for sign in name)


def as_given(value: Any, declared: DeclaredInput, dtype: str, missing: Any) -> Any:
    """What an array has for a row's value."""
    if value is None:
        return missing
    if declared.type == "category" and dtype != "object":
        values: list[str] = declared.options["values"]
        return values.index(value) if value in values else missing
    return value


def output_name(session: Any, task: str) -> str:
    """The output that has the numbers. Raises RefusedError where it is not clear which."""
    kinds = ("float", "double", "float16") if task != "regression" else ("float", "double", "float16", "int64")
    able = [
        node.name
        for node in session.get_outputs()
        if node.type in {f"tensor({kind})" for kind in kinds} or "seq(tensor(" in node.type
    ]
    if len(able) != 1:
        told = ", ".join(f"{node.name} ({node.type})" for node in session.get_outputs())
        raise RefusedError(f"the graph's outputs are {told}: say with --output which one has the numbers")
    return str(able[0])


def numbers_of(given: Any, task: str, rows: int) -> Numbers:
    """One row of numbers for each row: [n, labels], or [n]."""
    numpy = library("numpy")
    if isinstance(given, list):  # one [n, 2] for each label
        return numpy.stack([numpy.asarray(each)[:, -1] for each in given], axis=1)
    array = numpy.asarray(given, dtype=numpy.float64)
    if task == "multilabel" and array.ndim == 3 and array.shape[2] == PAIR:
        return array[:, :, 1].T if array.shape[1] == rows else array[:, :, 1]
    return array.reshape(-1) if task == "regression" else array


def options_of(converted: Converted, inputs: Sequence[DeclaredInput]) -> Mapping[str, Any]:
    """`[runtime]` of the manifest: the matrix is named where several inputs go into one."""
    packed = [each.name for each in converted.inputs if len(each.columns) > 1 and each.dtype != "object"]
    columns = {"columns": packed[0]} if packed and len(inputs) > 1 else {}
    return {"kind": "onnx", **columns, **converted.runtime}
