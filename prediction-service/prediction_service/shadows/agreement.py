"""How alike two versions' predictions of one instance are; pure. What that means depends on the task."""

import math
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any, NamedTuple


class Agreement(NamedTuple):
    """Of two predictions."""

    agrees: bool | None
    """Whether labels or outputs are the same; None: the task has neither, and its results are never quite the same."""
    distance: float | None
    """0 for the same, and not negative; None where there is none."""


def agreement_of(stable: Mapping[str, Any], candidate: Mapping[str, Any]) -> Agreement:
    """Of two raw outputs, as responses have them. Outputs of different tasks never agree."""
    if stable.keys() != candidate.keys():
        return Agreement(agrees=False, distance=None)
    if "labels" in stable:
        one, other = set(stable["labels"]), set(candidate["labels"])
        return Agreement(one == other, 1 - len(one & other) / len(one | other) if one | other else 0.0)
    if "scores" in stable:
        return Agreement(
            surest(stable["scores"]) == surest(candidate["scores"]),
            score_distance(stable["scores"], candidate["scores"]),
        )
    if "value" in stable:
        return Agreement(None, abs(stable["value"] - candidate["value"]))
    if "vector" in stable:
        return Agreement(None, cosine_distance(stable["vector"], candidate["vector"]))
    return Agreement(stable == candidate, None)


def surest(scores: Mapping[str, float]) -> str:
    """The label of the highest score."""
    return max(scores, key=scores.__getitem__)


def score_distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The total variation distance of two distributions, 0 to 1; a label that one does not know has probability 0."""
    return sum(abs(one.get(label, 0.0) - other.get(label, 0.0)) for label in one.keys() | other.keys()) / 2


def cosine_distance(one: Sequence[float], other: Sequence[float]) -> float | None:
    """1 - cosine, 0 to 2; None for vectors of different lengths, or without a direction."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if len(one) != len(other) or not lengths or not math.isfinite(lengths):
        return None
    cosine = float(sum(map(mul, one, other))) / lengths
    return min(max(1 - cosine, 0.0), 2.0)
