"""Sorts the inputs of an instance into the bins that a model's baseline fixes; the metrics-service counts them."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prediction_service.signature.inputs import Input
from prediction_service.signature.signature import Instance, Signature
from shared.contracts.baseline import MISSING_BIN, CategoryInput, NumberInput

Sort = Callable[[Sequence[Any]], Sequence[int | None]]
"""From the values of an input, one for each instance, to their bins."""

NUMBERS = frozenset({"number", "integer", "timestamp"})
CATEGORIES = frozenset({"category", "boolean"})
"""Types of inputs whose values are words; a boolean's are `true` and `false`."""


class InputBins:
    """The bins of a model's inputs. Raises ValueError for bins of an input that it has not, or of another type."""

    def __init__(self, signature: Signature, baseline: Mapping[str, NumberInput | CategoryInput]) -> None:
        if unknown := baseline.keys() - {declared.name for declared in signature.inputs}:
            raise ValueError(f"inputs: {min(unknown)} is no input of the model")
        self._sorts = [sort_for(declared, baseline.get(declared.name)) for declared in signature.inputs]

    def of(self, instances: Sequence[Instance]) -> list[tuple[int | None, ...]]:
        """Of each instance the bin of each input, in the manifest's order; None for an input without bins."""
        columns = zip(*instances, strict=True) if instances else [()] * len(self._sorts)
        return list(zip(*[sort(values) for sort, values in zip(self._sorts, columns, strict=True)], strict=True))


def sort_for(declared: Input, counted: NumberInput | CategoryInput | None) -> Sort:
    """How the values of an input are sorted into its bins. Raises ValueError for bins of another type."""
    if counted is None:
        return lambda values: [None] * len(values)
    if isinstance(counted, NumberInput) and declared.type in NUMBERS:
        return by_edges(counted, moments=declared.type == "timestamp")
    if isinstance(counted, CategoryInput) and declared.type in CATEGORIES:
        return by_words(counted)
    kind = "edges" if isinstance(counted, NumberInput) else "values"
    raise ValueError(f"inputs: {declared.name} is of the type {declared.type}, which has no {kind}")


def by_edges(counted: NumberInput, *, moments: bool) -> Sort:
    """As `NumberInput.bin_of` says; a column at once."""
    edges = counted.edges

    def sort(values: Sequence[float | None]) -> list[int]:
        return [MISSING_BIN if value is None or value != value else bisect_right(edges, value) for value in values]

    return (lambda values: sort([value and value.timestamp() for value in values])) if moments else sort


def by_words(counted: CategoryInput) -> Sort:
    """As `CategoryInput.bin_of` says, of the word for a value; a column at once."""
    places: dict[Any, int] = {value: place for place, value in enumerate(counted.values)}
    places |= {value: places[word] for value, word in ((True, "true"), (False, "false")) if word in places}
    places[None], other = MISSING_BIN, len(counted.values)
    return lambda values: [places.get(value, other) for value in values]
