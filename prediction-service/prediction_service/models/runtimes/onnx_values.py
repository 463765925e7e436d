"""From a declared input's values to those of a graph's input: what may be given as what, and what a gap becomes.

| declared | floats | whole numbers | booleans | strings |
| --- | --- | --- | --- | --- |
| number | as it is | no | no | no |
| integer | as it is | as it is, if it fits | no | no |
| boolean | 0 or 1 | 0 or 1 | as it is | no |
| category | its place among `values` | its place | no | as it is |
| timestamp | seconds since 1970 | the same, in 64 bits | no | no |
| text | no | no | no | as it is |

What a request leaves out is NaN in floats and "" in strings; whole numbers and booleans have nothing that says so.
"""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from prediction_service.batching.runtime import ModelError
from prediction_service.signature.datatypes import NUMPY
from prediction_service.signature.inputs import CategoryInput, Input, TensorInput

KINDS: dict[str, Any] = {
    "tensor(bool)": np.bool_,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    **{f"tensor({sign}int{size})": f"{sign}int{size}" for size in (8, 16, 32, 64) for sign in ("", "u")},
    "tensor(string)": np.object_,
}
"""What ONNX calls the kinds of tensors → NumPy's."""

Convert = Callable[[Any], Any] | None
"""From a value to what is put into an array; None: as it is."""

WHOLE, SECONDS_BYTES = "iu", 8

ADVICE = {
    "number": 'declare it type = "integer", "boolean" or "text", as the model was trained',
    "integer": 'declare it type = "boolean" or "text", as the model was trained',
    "boolean": 'declare it type = "category" or "text"',
    "timestamp": "a moment is given as seconds, in tensor(int64), tensor(double) or tensor(float)",
    "text": 'declare it type = "number", or type = "category" with the values in the order of their numbers',
    "category": 'declare it type = "boolean"',
}
"""Declared type → what to do where the graph takes another kind."""


def dtype_of(node: Any) -> Any:
    """NumPy's kind of a graph's input. Raises ModelError for what is no tensor of numbers, booleans or strings."""
    if node.type not in KINDS:
        raise ModelError(f"input {node.name} is {node.type}, which no declared input can fill; it must be a tensor")
    return np.dtype(KINDS[node.type])


def conversion(declared: Input, node: Any) -> Convert:
    """How a value of the declared input, which is no tensor, becomes one of the graph's. Raises ModelError."""
    kind = dtype_of(node).kind
    if kind in "iub" and declared.may_be_missing and declared.when_missing is None:
        raise ModelError(
            f"the input {declared.name} may be left out and feeds {node.name}, which is {node.type} and has no sign "
            "for that: give it a default, or make it required"
        )
    if isinstance(declared, CategoryInput) and kind in "fiu":
        return place_of(declared, kind)
    if declared.type == "timestamp" and (kind == "f" or (kind in WHOLE and dtype_of(node).itemsize == SECONDS_BYTES)):
        return seconds if kind == "f" else whole_seconds
    if declared.type in {"text", "category"} and kind == "O":
        return text
    if kind not in {"number": "f", "integer": "fiu", "boolean": "fiub"}.get(declared.type, ""):
        raise ModelError(
            f"the input {declared.name} is {declared.type}, and {node.name} of the model is {node.type}: "
            f"{ADVICE[declared.type]}"
        )
    return None


def place_of(declared: CategoryInput, kind: str) -> Convert:
    """A category's number: its place among the values. Raises ModelError where a word of no list has none."""
    places = declared.positions
    if kind == "f":
        return lambda value: places.get(value, math.nan)
    if declared.other:
        raise ModelError(
            f"the input {declared.name} takes other words than its values, and the model takes its number: other words "
            "have none; leave other out"
        )
    return lambda value: places[value]


def text(value: str | None) -> str:
    """A word, or that there is none."""
    return "" if value is None else value


def seconds(moment: datetime | None) -> float:
    """Since 1970."""
    return math.nan if moment is None else moment.timestamp()


def whole_seconds(moment: datetime) -> int:
    """Since 1970, rounded down."""
    return math.floor(moment.timestamp())


def check_tensor(declared: TensorInput, node: Any) -> None:
    """Raises ModelError where the declared tensor is none that the graph takes, rows first."""
    given, wanted = np.dtype(NUMPY[declared.datatype]), dtype_of(node)
    if (given.kind == "O") != (wanted.kind == "O") or not np.can_cast(given, wanted, "same_kind"):
        raise ModelError(
            f"the input {declared.name} is declared {declared.datatype}, and {node.name} of the model is {node.type}"
        )
    if declared.may_be_missing:
        raise ModelError(
            f"the input {declared.name} is a tensor, which must be required: the model has no sign for none"
        )
    sizes = list(node.shape)[1:]
    fitting = len(sizes) == len(declared.shape) and all(
        size == wanted or not isinstance(size, int) for size, wanted in zip(sizes, declared.shape, strict=True)
    )
    if not fitting:
        shape = [size if isinstance(size, int) else -1 for size in sizes]
        told = f"say shape = {shape}" if node.shape else "export it with the rows as its first dimension"
        if list(node.shape) == declared.shape:
            told = "export it with the rows as a first dimension of their own, open or of size 1"
        raise ModelError(
            f"the input {declared.name} is declared with the shape {declared.shape}, and {node.name} of the model "
            f"takes {node.shape}, the rows first: {told}"
        )


def checked_range(array: Any, wanted: Any) -> Any:
    """The array in the wanted kind. Raises ValueError where a whole number does not fit into it."""
    if array.dtype == wanted:
        return array
    if array.size and wanted.kind in WHOLE and not np.can_cast(array.dtype, wanted):
        bounds = np.iinfo(wanted)
        if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
            raise ValueError(f"a number does not fit into {wanted}")
    return array.astype(wanted)
