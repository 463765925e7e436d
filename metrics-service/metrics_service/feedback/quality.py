"""How good predictions were by what they should have been: arithmetic; pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from metrics_service.feedback.contracts import Confusion, LabelQuality

MOST_CONFUSED = 1000
"""Pairs of labels that a matrix has at most."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many judgements, and what they count for."""

    count: int
    weight: float


Pairs = Mapping[tuple[str, str], Judged]
"""How often a label (first) was predicted where another or the same (second) was right."""


def right_and_wrong(pairs: Pairs) -> tuple[float, float]:
    """The weight of right predictions and that of wrong ones."""
    right = sum(judged.weight for (was, should), judged in pairs.items() if was == should)
    return right, sum(judged.weight for judged in pairs.values()) - right


def accuracy(pairs: Pairs) -> float | None:
    """The share of right predictions, by weight; None when there are none."""
    right, wrong = right_and_wrong(pairs)
    return ratio(right, right + wrong)


def label_qualities(pairs: Pairs) -> list[LabelQuality]:
    """Precision and recall of each label, by weight, in alphabetical order."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    weights: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for pair, judged in pairs.items():
        for label, count, weight in zip(pair, counts, weights, strict=True):
            count[label] += judged.count
            weight[label] = weight.get(label, 0.0) + judged.weight
    (predicted, actual), (predicted_weight, actual_weight) = counts, weights
    return [
        LabelQuality(
            label=label,
            predicted=predicted[label],
            actual=actual[label],
            precision=ratio(right_weight(pairs, label), predicted_weight.get(label, 0.0)),
            recall=ratio(right_weight(pairs, label), actual_weight.get(label, 0.0)),
        )
        for label in sorted(predicted.keys() | actual.keys())
    ]


def confusion(pairs: Pairs) -> tuple[list[Confusion], int]:
    """The most frequent pairs, and how many judgements are of others."""
    found = [
        Confusion(predicted=was, actual=should, count=judged.count, weight=judged.weight)
        for (was, should), judged in pairs.items()
    ]
    found.sort(key=lambda one: (-one.count, one.predicted, one.actual))
    return found[:MOST_CONFUSED], sum(one.count for one in found[MOST_CONFUSED:])


def right_weight(pairs: Pairs, label: str) -> float:
    """The weight of a label where it was predicted and right."""
    return pairs[label, label].weight if (label, label) in pairs else 0.0


def ratio(part: float, whole: float) -> float | None:
    """A share, or None of nothing."""
    return min(part / whole, 1.0) if whole else None
