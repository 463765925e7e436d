"""Sorts the inputs of an instance into the bins that a model's baseline fixes; the metrics-service counts them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from prediction_service.signature.inputs import Input
from prediction_service.signature.signature import Instance, Signature
from shared.contracts.baseline import MISSING_BIN, CategoryInput, NumberInput

Bin = Callable[[Any], int]

NUMBERS = frozenset({"number", "integer", "timestamp"})
CATEGORIES = frozenset({"category", "boolean"})
"""Types of inputs whose values are words; a boolean's are `true` and `false`."""


class InputBins:
    """The bins of a model's inputs. Raises ValueError for bins of an input that it has not, or of another type."""

    def __init__(self, signature: Signature, baseline: Mapping[str, NumberInput | CategoryInput]) -> None:
        if unknown := baseline.keys() - {declared.name for declared in signature.inputs}:
            raise ValueError(f"inputs: {min(unknown)} is no input of the model")
        self._bins = [bin_for(declared, baseline.get(declared.name)) for declared in signature.inputs]

    def of(self, instance: Instance) -> list[int | None]:
        """The bin of each input, in the manifest's order; None for an input without bins."""
        return [None if sort is None else sort(value) for sort, value in zip(self._bins, instance, strict=True)]


def bin_for(declared: Input, counted: NumberInput | CategoryInput | None) -> Bin | None:
    """From a value to its bin; None without bins. Raises ValueError for bins of another type."""
    if counted is None:
        return None
    if isinstance(counted, NumberInput) and declared.type in NUMBERS:
        return lambda value: counted.bin_of(value.timestamp() if isinstance(value, datetime) else value)
    if isinstance(counted, CategoryInput) and declared.type in CATEGORIES:
        places = {value: place for place, value in enumerate(counted.values)}
        other = len(places)
        return lambda value: MISSING_BIN if value is None else places.get(word_of(value), other)
    kind = "edges" if isinstance(counted, NumberInput) else "values"
    raise ValueError(f"inputs: {declared.name} is of the type {declared.type}, which has no {kind}")


def word_of(value: str | bool) -> str:  # noqa: FBT001 - a value of an input, whatever it is
    """A value as a word."""
    return value if isinstance(value, str) else str(value).lower()
