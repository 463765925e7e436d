"""Any number of labels of several: each has a probability of its own, and a threshold from which on it applies."""

from collections.abc import Mapping, Sequence
from math import isfinite
from struct import pack, unpack

from prediction_service.tasks.classification import BATCH_TOLERANCE, SUM_TOLERANCE
from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, check_number, shown


class Multilabel:
    """`thresholds` has a threshold for some labels, `threshold` is that of the others."""

    def __init__(self, labels: Sequence[str], threshold: float, thresholds: Mapping[str, float]) -> None:
        self._labels = labels
        self._thresholds = [reached_in_32_bits(thresholds.get(label, threshold)) for label in labels]

    def checked(self, outputs: Sequence[Sequence[float]], expected: int) -> list[Sequence[float] | BadOutput]:
        """Each row as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        check_number(outputs, expected)
        return [judged(row) for row in outputs]

    def finding(self, output: Sequence[float]) -> Finding:
        """The labels that apply, the surest first; the first of them is the prediction's label."""
        applying = [
            (probability, label)
            for label, probability, threshold in zip(self._labels, output, self._thresholds, strict=True)
            if probability >= threshold
        ]
        applying.sort(key=lambda pair: -pair[0])
        labels = [label for _, label in applying]
        raw = {"scores": dict(zip(self._labels, output, strict=True)), "labels": labels}
        confidence, label = applying[0] if applying else (None, None)
        return Finding(label, confidence, raw, labels=labels)

    def check_form(self, output: Sequence[float]) -> None:
        """Raises MisfitError when there is another number of numbers than of labels."""
        if len(output) != len(self._labels):
            raise MisfitError(f"gives {len(output)} probabilities for {len(self._labels)} labels")

    def differ(self, output: Sequence[float], other: Sequence[float]) -> bool:
        """Whether a probability does."""
        return any(abs(one - two) > BATCH_TOLERANCE for one, two in zip(output, other, strict=True))

    def advice(self, output: Sequence[float]) -> str:
        """They are not between 0 and 1."""
        return "; if these are logits (no sigmoid in the model), say sigmoid = true in [runtime]"


def reached_in_32_bits(threshold: float) -> float:
    """The threshold, or what its number is in 32 bits if that is less: a graph's 0.7 is 0.69999999 and reaches 0.7."""
    return min(threshold, float(unpack("f", pack("f", threshold))[0]))


def judged(row: Sequence[float]) -> Sequence[float] | BadOutput:
    """What is wrong with it, or the row without what rounding leaves beyond 0 and 1."""
    if all(0.0 <= probability <= 1.0 for probability in row):
        return row
    if all(-SUM_TOLERANCE <= probability <= 1.0 + SUM_TOLERANCE for probability in row):
        return [min(max(probability, 0.0), 1.0) for probability in row]
    kind = BadOutput if all(map(isfinite, row)) else NotFinite
    return kind(f"{shown(row)} are not between 0 and 1")
