"""Whether a converted model says what its original says: equal labels, values within rounding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelserver.errors import RefusedError
from modelserver.importing.original import Numbers
from modelserver.importing.sample import Row
from modelserver.libraries import library

RELATIVE = 1e-5
"""By how much of itself a number may differ. Graphs compute in 32 bits, which have seven digits."""

NEAR_ZERO = 1e-6
"""What that is for numbers near 0: of the usual size of the numbers, and of 1 for probabilities."""

TIE = 1e-5
"""Probabilities that are so near to each other choose no label for certain."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found. `largest`: the largest difference, as a share of what was allowed."""

    rows: int
    largest: float
    fault: str = ""
    """The first row that differs; empty if none does."""


def compare(expected: Numbers, found: Numbers, rows: Sequence[Row], labels: Sequence[str], task: str) -> Comparison:
    """Compares row by row. Raises RefusedError for another form."""
    numpy = library("numpy")
    expected, found = numpy.asarray(expected, numpy.float64), numpy.asarray(found, numpy.float64)
    if expected.shape != found.shape:
        raise RefusedError(
            f"the converted model gives {list(found.shape)} numbers, the original {list(expected.shape)}"
        )
    allowed = tolerances(expected, task)
    excess = numpy.abs(expected - found) / allowed
    excess = numpy.where(numpy.isnan(expected) & numpy.isnan(found), 0.0, excess)
    excess = numpy.where(numpy.isnan(excess), numpy.inf, excess)
    largest = float(excess.max(initial=0.0))
    if largest > 1:
        worst = int(numpy.argmax(excess.reshape(len(rows), -1).max(axis=1)))
        fault = f"{told(found[worst])} instead of {told(expected[worst])} for {rows[worst]}"
        return Comparison(len(rows), largest, fault)
    if task == "classification" and (row := other_label(expected, found)) is not None:
        chosen, right = labels[found[row].argmax()], labels[expected[row].argmax()]
        return Comparison(len(rows), largest, f"the label {chosen} instead of {right} for {rows[row]}")
    return Comparison(len(rows), largest)


def tolerances(expected: Numbers, task: str) -> Any:
    """How far each number may be from what is expected."""
    numpy = library("numpy")
    usual = 1.0 if task in {"classification", "multilabel"} else float(numpy.nanmean(numpy.abs(expected))) or 1.0
    return RELATIVE * numpy.abs(expected) + NEAR_ZERO * usual


def other_label(expected: Numbers, found: Numbers) -> int | None:
    """The first row with another label, where the original is sure of one."""
    numpy = library("numpy")
    ordered = numpy.sort(expected, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > TIE
    differs = (expected.argmax(axis=1) != found.argmax(axis=1)) & sure
    return int(differs.argmax()) if differs.any() else None


def told(numbers: Any) -> str:
    """The first numbers of a row."""
    flat = library("numpy").atleast_1d(numbers)[:6]
    return ", ".join(f"{number:.8g}" for number in flat)
