"""`baseline.json` from a sample: how its inputs and the model's outputs are distributed."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from modelserver.importing.original import Numbers
from modelserver.importing.sample import Row
from modelserver.inputs import DeclaredInput
from modelserver.libraries import library

BINS = 10
"""Of a column of numbers, each with about as many rows of the sample."""

MOST_VALUES = 50
"""Of a category, the most frequent ones; the rest are others."""

MOST_BINS = 4096
"""Of all inputs together; those that come first have them."""

VALUE_BASE, VALUE_ZERO, VALUE_OFFSET, VALUE_TOP = 1.02, 1e-9, 50_000, 51_744
"""Bins of values, as reports have them: docs/models.md says how they are numbered."""

CONFIDENCE_BINS = 20
"""Of 0 to 1, as reports have them."""

THRESHOLD = 0.5
"""From which probability on a label of several applies, where the manifest says nothing else: an import's does not."""


def baseline_of(
    inputs: Sequence[DeclaredInput], rows: Sequence[Row], numbers: Numbers, labels: Sequence[str], task: str
) -> dict[str, Any]:
    """What the file says."""
    found: dict[str, Any] = {}
    if task == "classification":
        found["label"] = dict(Counter(labels[place] for place in numbers.argmax(axis=1)))
        found["confidence"] = confidences(numbers.max(axis=1).tolist())
    if task == "multilabel":
        found |= label_sets(numbers, labels)
    if task in {"regression", "embedding"}:
        values = numbers if task == "regression" else library("numpy").linalg.norm(numbers, axis=1)
        found["value"] = dict(Counter(str(value_bin(value)) for value in values.tolist()))
    return found | {"inputs": columns_of(inputs, rows)}


def label_sets(numbers: Numbers, labels: Sequence[str]) -> dict[str, Any]:
    """How many rows have each label; and of those that have any the surest label, and how sure it is."""
    applies = numbers >= THRESHOLD
    with_any = numbers[applies.any(axis=1)]
    return {
        "labels": {"predictions": len(numbers), "counts": dict(zip(labels, applies.sum(axis=0).tolist(), strict=True))},
        "label": dict(Counter(labels[place] for place in with_any.argmax(axis=1))),
        "confidence": confidences(with_any.max(axis=1).tolist()) if len(with_any) else {},
    }


def columns_of(inputs: Sequence[DeclaredInput], rows: Sequence[Row]) -> dict[str, Any]:
    """Name → bins, of the inputs that have any."""
    found: dict[str, Any] = {}
    left = MOST_BINS
    for declared in inputs:
        bins = column(declared, [row.get(declared.name) for row in rows])
        left -= len(bins.get("counts", ())) + 2
        if bins and left >= 0:
            found[declared.name] = bins
    return found


def value_bin(value: float) -> int:
    """The number of a value's logarithmic bin."""
    size = abs(value)
    if size < VALUE_ZERO:
        return 0
    number = min(VALUE_OFFSET + math.ceil(math.log(size, VALUE_BASE)), VALUE_TOP)
    return number if value > 0 else -number


def confidences(values: Sequence[float]) -> dict[str, int]:
    """Bin → number of rows."""
    bins = Counter(min(int(value * CONFIDENCE_BINS + 1e-9), CONFIDENCE_BINS - 1) for value in values)
    return {f"{place / 20:.2f}-{(place + 1) / 20:.2f}": count for place, count in sorted(bins.items())}


def column(declared: DeclaredInput, values: Sequence[Any]) -> dict[str, Any]:
    """How one input is distributed; nothing for texts and tensors."""
    present = [value for value in values if value is not None]
    missing = len(values) - len(present)
    if declared.type == "timestamp":
        present = [datetime.fromisoformat(value).timestamp() for value in present]
    if declared.type in {"number", "integer", "timestamp"}:
        return numbers_of(present, missing)
    if declared.type == "category":
        return words_of(declared.options["values"], present, missing)
    if declared.type == "boolean":
        return words_of(["false", "true"], [str(value).lower() for value in present], missing)
    return {}


def numbers_of(present: Sequence[float], missing: int) -> dict[str, Any]:
    """Edges between bins, and the number of rows in each: below the first, …, from the last on."""
    numpy = library("numpy")
    if not present:
        return {}
    quantiles = numpy.quantile(present, [place / BINS for place in range(1, BINS)])
    edges = sorted({float(f"{edge:.6g}") for edge in quantiles if math.isfinite(edge)})
    places = numpy.searchsorted(edges, present, side="right")
    return {"edges": edges, "counts": numpy.bincount(places, minlength=len(edges) + 1).tolist(), "missing": missing}


def words_of(values: Sequence[str], present: Sequence[str], missing: int) -> dict[str, Any]:
    """Number of rows of each value, and of others."""
    counts = Counter(present)
    if len(values) > MOST_VALUES:
        values = sorted(value for value, _ in counts.most_common(MOST_VALUES))
    known = [counts.pop(value, 0) for value in values]
    return {"values": list(values), "counts": known, "other": sum(counts.values()), "missing": missing}
