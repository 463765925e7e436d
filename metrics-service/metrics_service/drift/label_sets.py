"""Whether labels are given otherwise where a prediction may have several; pure.

Shares of such labels do not add up to one, so each label is compared by itself: the predictions that have it against
those that have not. The label that changed most stands for all of them, and its probability is corrected for their
number (Bonferroni), which holds however labels hang together.
"""

from collections.abc import Iterator

from metrics_service.drift.certainty import FALSE_ALARMS, p_value
from metrics_service.drift.comparison import Comparison, Counts, compare, expected_psi, population_stability_index
from metrics_service.drift.splits import Bin
from shared.contracts.baseline import LabelSets
from shared.contracts.drift import DriftStatus

NONE = LabelSets(predictions=0, counts={})
"""Of a side that has no such predictions."""


def compare_sets(reference: LabelSets, current: LabelSets, *, measures: int = 1) -> tuple[str | None, Comparison]:
    """The label that changed most, and how. `measures`: how many comparisons one report makes besides."""
    labels = sorted(reference.counts.keys() | current.counts.keys())
    n, m = reference.predictions, current.predictions
    if not n or not m or not labels:
        return None, Comparison(DriftStatus.NOT_ENOUGH_DATA)
    tests = measures * len(labels)
    chances = {
        label: p_value(bins_of(*sides(label, reference, current)), n, m, is_ordered=False, measures=tests)
        for label in labels
    }
    certain = [label for label, chance in chances.items() if chance < FALSE_ALARMS]
    if certain:
        most = max(certain, key=lambda label: excess_psi(*sides(label, reference, current)))
    else:
        most = min(labels, key=chances.__getitem__)
    return most, compare(*sides(most, reference, current), measures=tests)


def sides(label: str, reference: LabelSets, current: LabelSets) -> Iterator[Counts]:
    """How many predictions of each side have the label, and how many have not."""
    for sets in (reference, current):
        count = sets.counts.get(label, 0)
        yield {True: count, False: sets.predictions - count}


def bins_of(reference: Counts, current: Counts) -> list[Bin]:
    """Those with the label, and those without."""
    return [(reference[has], current[has]) for has in (True, False)]


def excess_psi(reference: Counts, current: Counts) -> float:
    """By how much a label has changed, less what chance alone shows."""
    n, m = sum(reference.values()), sum(current.values())
    bins = [each for each in bins_of(reference, current) if any(each)]
    return population_stability_index(reference, current) - expected_psi(bins, n, m)
