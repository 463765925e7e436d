"""How good predictions were by what they should have been: arithmetic; pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from metrics_service.feedback.contracts import Confusion, LabelQuality, SetQuality

MOST_CONFUSED = 1000
"""Pairs of labels that a matrix has at most."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many judgements, and what they count for."""

    count: int
    weight: float


Pairs = Mapping[tuple[str, str], Judged]
"""How often a label (first) was predicted where another or the same (second) was right."""


@dataclass(frozen=True, slots=True)
class Recognized:
    """How often a label was predicted and how often it would have been right; the same and both together by weight."""

    predicted: int = 0
    actual: int = 0
    predicted_weight: float = 0.0
    actual_weight: float = 0.0
    right_weight: float = 0.0

    def __add__(self, more: "Recognized") -> "Recognized":
        return Recognized(
            self.predicted + more.predicted,
            self.actual + more.actual,
            self.predicted_weight + more.predicted_weight,
            self.actual_weight + more.actual_weight,
            self.right_weight + more.right_weight,
        )


@dataclass(frozen=True, slots=True)
class JudgedSets:
    """Judgements of whole sets of labels: all of them, those that were right as a whole, and each label by itself."""

    judged: Judged = Judged(0, 0.0)
    right_weight: float = 0.0
    labels: Mapping[str, Recognized] = field(default_factory=dict)


def right_and_all(pairs: Pairs, sets: JudgedSets) -> tuple[float, float]:
    """The weight of predictions that were right, and that of all that were judged."""
    right = sum(judged.weight for (was, should), judged in pairs.items() if was == should)
    return right + sets.right_weight, sum(judged.weight for judged in pairs.values()) + sets.judged.weight


def accuracy(pairs: Pairs, sets: JudgedSets) -> float | None:
    """The share of right predictions, by weight; None when there are none."""
    return ratio(*right_and_all(pairs, sets))


def label_qualities(pairs: Pairs, sets: JudgedSets) -> list[LabelQuality]:
    """Precision and recall of each label, by weight, sorted."""
    found: defaultdict[str, Recognized] = defaultdict(Recognized, sets.labels)
    for (was, should), judged in pairs.items():
        found[was] += Recognized(predicted=judged.count, predicted_weight=judged.weight)
        found[should] += Recognized(actual=judged.count, actual_weight=judged.weight)
        if was == should:
            found[was] += Recognized(right_weight=judged.weight)
    return [
        LabelQuality(
            label=label,
            predicted=one.predicted,
            actual=one.actual,
            precision=ratio(one.right_weight, one.predicted_weight),
            recall=ratio(one.right_weight, one.actual_weight),
        )
        for label, one in sorted(found.items())
    ]


def set_quality(sets: JudgedSets) -> SetQuality | None:
    """What judgements of whole sets come to; None of none."""
    if not sets.judged.count:
        return None
    of_all = sum(sets.labels.values(), Recognized())
    return SetQuality(
        judged=sets.judged.count,
        accuracy=ratio(sets.right_weight, sets.judged.weight),
        precision=ratio(of_all.right_weight, of_all.predicted_weight),
        recall=ratio(of_all.right_weight, of_all.actual_weight),
    )


def confusion(pairs: Pairs) -> tuple[list[Confusion], int]:
    """The most frequent pairs, and how many judgements are of others."""
    found = [
        Confusion(predicted=was, actual=should, count=judged.count, weight=judged.weight)
        for (was, should), judged in pairs.items()
    ]
    found.sort(key=lambda one: (-one.count, one.predicted, one.actual))
    return found[:MOST_CONFUSED], sum(one.count for one in found[MOST_CONFUSED:])


def ratio(part: float, whole: float) -> float | None:
    """A share, or None of nothing."""
    return min(part / whole, 1.0) if whole else None
