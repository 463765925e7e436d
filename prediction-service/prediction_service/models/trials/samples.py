"""Instances that a model is tried with: usual values, extreme ones, and none where that is allowed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

from prediction_service.models.trials.texts import LONG, SHORT
from prediction_service.request.texts import MAX_BATCH_CHARACTERS
from prediction_service.signature.datatypes import NUMPY
from prediction_service.signature.inputs import CategoryInput, Input, TensorInput, TextInput
from prediction_service.signature.signature import Instance, Signature

INSTANCES = 24

ANY_SIZE = 2
"""What a dimension of any size (-1) is tried with."""

USUAL: dict[str, Sequence[Any]] = {
    "text": SHORT,
    "number": (0.0, 1.0, -1.0, 0.5, 3.25, 42.0, 1e3, 1e-3, 1e6),
    "integer": (0, 1, 2, 3, 7, 10, 42, 100, 1000),
    "boolean": (True, False),
    "timestamp": (datetime(2026, 1, 31, 8, 30, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
}
"""Type of an input → values of the kind that requests send."""


def samples(signature: Signature) -> tuple[Sequence[Instance], Sequence[Instance]]:
    """Instances of many kinds, and long ones."""
    if signature.takes_text():
        return [signature.instance_of_text(text) for text in SHORT], [signature.instance_of_text(text) for text in LONG]
    columns = [column_of(declared, place) for place, declared in enumerate(signature.inputs)]
    sparse = tuple(
        declared.when_missing if declared.may_be_missing else column[0]
        for declared, column in zip(signature.inputs, columns, strict=True)
    )
    return [*zip(*columns, strict=True), sparse], long_rows(signature, [column[0] for column in columns])


def long_rows(signature: Signature, usual: Sequence[Any]) -> Sequence[Instance]:
    """Rows whose texts are all as long as they may be, and together no longer than a batch; none without texts."""
    texts = sum(isinstance(declared, TextInput) for declared in signature.inputs)
    return [
        tuple(
            text[: MAX_BATCH_CHARACTERS // texts] if isinstance(declared, TextInput) else value
            for declared, value in zip(signature.inputs, usual, strict=True)
        )
        for text in (LONG if texts else ())
    ]


def column_of(declared: Input, place: int) -> list[Any]:
    """INSTANCES values, again and again; each input begins at another one, so that they meet in many ways."""
    values = values_of(declared)
    return list(islice(cycle(values), place % len(values), place % len(values) + INSTANCES))


def values_of(declared: Input) -> Sequence[Any]:
    """What one input is tried with."""
    if isinstance(declared, CategoryInput):
        return [*declared.values[:INSTANCES], *(["a word of no list"] if declared.other else [])]
    if isinstance(declared, TensorInput):
        return tensors_of(declared)
    return USUAL[declared.type]


def tensors_of(declared: TensorInput) -> Sequence[Any]:
    """Nothing but zeros, nothing but ones, and a ramp."""
    import numpy as np

    shape = [size if size >= 0 else ANY_SIZE for size in declared.shape]
    if declared.datatype == "BYTES":
        return [np.full(shape, text, dtype=object) for text in SHORT[:3]]
    ramp = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 100
    return [array.astype(NUMPY[declared.datatype]) for array in (np.zeros(shape), np.ones(shape), ramp)]
