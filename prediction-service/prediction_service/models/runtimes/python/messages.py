"""Rows to a worker and its answers back. What comes from a worker is believed in nothing."""

import json
from collections.abc import Sequence
from math import prod
from typing import Any

import orjson

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.runtimes.python.model_worker import frames
from prediction_service.models.runtimes.python.model_worker.results import KINDS
from prediction_service.signature.datatypes import NUMPY
from prediction_service.signature.inputs import TensorInput
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import MisfitError, Output

NUMBER_BYTES = 8

TASKS = ("multilabel", "regression", "embedding", "generic")
"""A task of any other name is a classification."""


class RowError(Exception):
    """What the model raised for the rows of a call."""


class Messages:
    """What is said to the workers of one model, and what they may say."""

    def __init__(self, manifest: Manifest) -> None:
        self.task = manifest.task_type if manifest.task_type in TASKS else "classification"
        self.labels = manifest.labels
        self.width = manifest.dimension or (1 if self.task == "regression" else len(manifest.labels))
        self.signature = manifest.signature
        self.tensors = {
            place: declared for place, declared in enumerate(self.signature.inputs) if isinstance(declared, TensorInput)
        }

    def settings(self) -> dict[str, Any]:
        """What a worker is told of this at its start."""
        inputs = self.signature.inputs
        binary = {place: tensor.datatype for place, tensor in self.tensors.items() if tensor.datatype in STRUCT}
        return {
            "is_text": self.signature.is_plain_text,
            "names": self.signature.names,
            "timestamps": [place for place, declared in enumerate(inputs) if declared.type == "timestamp"],
            "tensors": {place: STRUCT[datatype] for place, datatype in binary.items()},
            "task": self.task,
            "labels": self.labels,
            "width": self.width,
        }

    def rows(self, instances: Sequence[Instance]) -> list[bytes | memoryview]:
        """The frame of these instances, in pieces."""
        if not self.tensors:
            return frames.parts(frames.ROWS, orjson.dumps(instances))
        data: list[bytes | memoryview] = []
        return frames.parts(frames.ROWS, orjson.dumps([self._sent(row, data) for row in instances]), data)

    def _sent(self, instance: Instance, data: list[bytes | memoryview]) -> list[Any]:
        """The row as JSON has it: of a tensor its shape, while its elements go to `data`; texts stay here."""
        row = list(instance)
        for place, tensor in self.tensors.items():
            if row[place] is None:
                continue
            if tensor.datatype == "BYTES":
                row[place] = row[place].tolist()
            else:
                flat = row[place].astype(NUMPY[tensor.datatype], order="C", copy=False).reshape(-1)
                data.append(memoryview(flat.view("u1")))
                row[place] = row[place].shape
        return row

    def outputs(self, frame: frames.Frame, count: int) -> Sequence[Output]:
        """What the model gave for so many rows. Raises RowError, MisfitError, and ValueError for what is no answer."""
        if frame.kind == frames.NUMBERS and self.task != "generic":
            return self._numbers(frame.data, count)
        if frame.kind == frames.OUTPUTS and self.task == "generic":
            return named(frame, count)
        if frame.kind not in {frames.FAILED, frames.MISFIT}:
            raise ValueError("the worker answers in no form that it may")
        message = frame.text.decode("utf-8", "replace")[:MOST_CHARACTERS]
        raise (RowError if frame.kind == frames.FAILED else MisfitError)(message)

    def _numbers(self, data: memoryview, count: int) -> Sequence[Output]:
        if len(data) != count * self.width * NUMBER_BYTES:
            raise ValueError("the worker answers with another number of numbers than it may")
        flat = data.cast("d").tolist()
        if self.task == "regression":
            return flat
        return [flat[start : start + self.width] for start in range(0, len(flat), self.width)]


MOST_CHARACTERS = 2000


STRUCT = {
    "BOOL": ("?", 1),
    **{f"UINT{8 * size}": (code, size) for code, size in (("B", 1), ("H", 2), ("I", 4), ("Q", 8))},
    **{f"INT{8 * size}": (code, size) for code, size in (("b", 1), ("h", 2), ("i", 4), ("q", 8))},
    **{f"FP{8 * size}": (code, size) for code, size in (("e", 2), ("f", 4), ("d", 8))},
}
"""Datatype → letter in the standard library's `struct` (and NumPy), and bytes of an element. Texts go as JSON."""


def named(frame: frames.Frame, count: int) -> list[dict[str, Any]]:
    """Named outputs. Raises ValueError for what nobody could store or send on."""
    told = json.loads(frame.text)  # NaN is read here, and judged as what it is
    plain = orjson.dumps([[told]])  # as deep as in the response to a batch: what goes too deep for that is refused here
    if b"\\u0000" in plain:
        raise ValueError("there is a NUL in a text")
    rows: list[dict[str, Any]] = told["rows"]
    if len(rows) != count or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the worker answers with another number of rows than it may")
    data = frame.data
    for index, name, kind, shape in told["arrays"]:
        rows[index][name], data = array(data, kind, shape)
    return rows


def array(data: memoryview, kind: str, shape: list[int]) -> tuple[Any, memoryview]:
    """The array at the beginning of `data`, and what is behind it. Raises ValueError."""
    import numpy as np

    if kind not in KINDS or min(shape) < 0:
        raise ValueError("the worker answers with no array")
    size = prod(shape) * int(kind[-1])
    if size > len(data):
        raise ValueError("the worker answers with half an array")
    return np.frombuffer(data[:size], kind).reshape(shape), data[size:]
