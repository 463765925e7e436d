"""Every property of two samples of predictions, compared: labels, confidence, length, values, and each input."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from metrics_service.drift.comparison import compare
from metrics_service.drift.label_sets import NONE, compare_sets
from metrics_service.drift.value_ranges import by_range, last_bins, range_names
from metrics_service.windows.inputs import InputBins, InputCounts
from metrics_service.windows.shapes import Shapes, confidence_range, length_range
from shared.contracts.baseline import MISSING_BIN, LabelSets
from shared.contracts.drift import DriftMeasure, DriftMeasureName, ShareChange

Counts = Mapping[Any, int]
"""Predictions per bin."""


@dataclass(frozen=True, slots=True)
class Property:
    """One of them, counted on both sides. `shown`: what a bin is called; only bins of numbers have an order."""

    name: DriftMeasureName
    reference: Counts
    current: Counts
    shown: Callable[[Any], str] = str
    is_ordered: bool = False
    bins: InputBins | None = None


def compared(reference: Shapes, current: Shapes) -> list[DriftMeasure]:
    """Every property compared, but for those that neither side's predictions have, such as the label of a value."""
    there = properties(reference, current)
    sets = reference.labels is not None or current.labels is not None
    measured = [each for each in there if each.reference or each.current] or there[: 0 if sets else 3]
    measures = [measure(each, len(measured) + sets) for each in measured]
    if sets:
        measures.insert(1, measure_of_sets(reference.labels or NONE, current.labels or NONE, len(measured) + 1))
    return measures


def measure_of_sets(reference: LabelSets, current: LabelSets, measures: int) -> DriftMeasure:
    """Each label compared by itself, told as the one that changed most; one measure of so many."""
    label, comparison = compare_sets(reference, current, measures=measures)
    return DriftMeasure(
        name="labels",
        label=label,
        **asdict(comparison),
        reference=shares_of_sets(reference),
        current=shares_of_sets(current),
    )


def shares_of_sets(sets: LabelSets) -> dict[str, float]:
    """The share of predictions that have each label, in the order of the labels."""
    return {label: n / sets.predictions for label, n in sorted(sets.counts.items()) if n}


def properties(reference: Shapes, current: Shapes) -> list[Property]:
    """Labels, confidence and input length, values, and inputs by their names."""
    ends = last_bins(reference.value, current.value)
    return [
        Property("label", reference.label, current.label),
        Property("confidence", reference.confidence, current.confidence, confidence_range, is_ordered=True),
        Property("input_length", reference.input_length, current.input_length, length_range, is_ordered=True),
        Property(
            "value",
            by_range(reference.value, ends),
            by_range(current.value, ends),
            range_names(ends).__getitem__,
            is_ordered=True,
        ),
        *(
            Property(
                "input",
                reference.inputs.get(bins, {}),
                current.inputs.get(bins, {}),
                bins.shown,
                is_ordered=bins.is_ordered,
                bins=bins,
            )
            for bins in comparable(reference.inputs, current.inputs)
        ),
    ]


def comparable(reference: InputCounts, current: InputCounts) -> list[InputBins]:
    """Of each input the bins that most predictions of both sides were counted in.

    Where they have none in common, those of the window: then there is nothing to compare with.
    """

    def counted(bins: InputBins) -> tuple[int, int, int]:
        before, now = sum(reference.get(bins, {}).values()), sum(current.get(bins, {}).values())
        return min(before, now), now, before

    found = {bins.name: bins for bins in sorted({*reference, *current}, key=counted)}
    return [found[name] for name in sorted(found)]


def measure(compared: Property, measures: int) -> DriftMeasure:
    """One property compared, of so many."""
    comparison = compare(compared.reference, compared.current, is_ordered=compared.is_ordered, measures=measures)
    share_of = partial(share_change, compared)
    bins = compared.bins
    return DriftMeasure(
        name=compared.name,
        **asdict(comparison),
        reference=shares(compared.reference, compared.shown),
        current=shares(compared.current, compared.shown),
        input=bins.name if bins else None,
        missing=share_of(MISSING_BIN) if bins else None,
        other=share_of(bins.last) if bins and bins.values else None,
    )


def share_change(compared: Property, number: int) -> ShareChange:
    """The share of one bin on both sides."""
    return ShareChange(reference=share(compared.reference, number), current=share(compared.current, number))


def share(counts: Counts, number: int) -> float | None:
    """The share of one bin; None of nothing."""
    total = sum(counts.values())
    return counts.get(number, 0) / total if total else None


def shares(counts: Counts, shown: Callable[[Any], str]) -> dict[str, float]:
    """Counts as parts of one, in the order of the bins."""
    total = sum(counts.values())
    return {shown(key): n / total for key, n in sorted(counts.items(), key=itemgetter(0)) if n}
