"""One label of several: a probability for each, as the model gives them. Nothing is put right here."""

from collections.abc import Sequence
from math import isfinite

from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, check_number, shown

SUM_TOLERANCE = 1e-3
"""How far from 1 the probabilities of a row may add up, in numbers of 16 bits; and how far below 0 one may be."""

BATCH_TOLERANCE = 1e-5
"""How far a probability may be from what it is when the row is alone. Dynamic int8 misses it by far: its scale is that
of the whole batch."""


class Classification:
    """The label is the one with the highest probability, the first of them if there are several."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels

    def checked(self, outputs: Sequence[Sequence[float]], expected: int) -> list[Sequence[float] | BadOutput]:
        """Each row as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        check_number(outputs, expected)
        return [row if are_probabilities(row) else judged(row) for row in outputs]

    def finding(self, output: Sequence[float]) -> Finding:
        """The label and all scores."""
        scores = dict(zip(self._labels, output, strict=True))
        label = max(scores, key=scores.__getitem__)
        return Finding(label, scores[label], {"scores": scores})

    def check_form(self, output: Sequence[float]) -> None:
        """Raises MisfitError when there is another number of numbers than of labels."""
        given, labels = len(output), len(self._labels)
        if given == labels:
            return
        if given == 1:
            raise MisfitError(
                f"gives one number for each row and has {labels} labels: that is a regression, or one class's score "
                '(a sigmoid): of two labels say binary = "probability" or "logit" in [runtime]; or export one '
                "output per class, such as scikit-learn's predict_proba or a last layer of as many units as classes"
            )
        raise MisfitError(f"gives {given} probabilities for {labels} labels")

    def differ(self, output: Sequence[float], other: Sequence[float]) -> bool:
        """Whether a probability does."""
        return any(abs(one - two) > BATCH_TOLERANCE for one, two in zip(output, other, strict=True))

    def advice(self, output: Sequence[float]) -> str:
        """Logits look different from yes-or-no labels."""
        if min(output) < 0.0 or max(output) > 1.0:
            return "; if these are logits (no softmax in the model), say softmax = true in [runtime]"
        return (
            "; if these are logits, say softmax = true; if another output has probabilities, name it in "
            'runtime.output; if its labels are each a yes or no of its own (sigmoid), say task_type = "multilabel"'
        )


def are_probabilities(row: Sequence[float]) -> bool:
    """Without any doubt, as nearly all are."""
    return min(row) >= 0.0 and abs(sum(row) - 1.0) <= SUM_TOLERANCE and max(row) <= 1.0


def judged(row: Sequence[float]) -> Sequence[float] | BadOutput:
    """What is wrong with it, or the row without what rounding leaves beyond 0 and 1."""
    total = sum(row)
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        kind = BadOutput if isfinite(total) else NotFinite
        return kind(f"{shown(row)} add up to {total:.6g}, not to 1")
    if min(row) < -SUM_TOLERANCE:
        return BadOutput(f"{shown(row)} are not between 0 and 1")
    return [min(max(probability, 0.0), 1.0) for probability in row]
