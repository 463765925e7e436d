"""Claims about how often predictions are right, by feedback; pure.

Feedback is no sample: people complain about what is wrong and say nothing of what is right. What it proves is that so
many predictions of all were wrong; more it only proves where most predictions were judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.facts import Facts
from analytics_service.report import Severity
from analytics_service.rules.certainty import MIN_SAMPLE, highest_share
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import number, percent, plural

OVERCONFIDENT = 0.1
"""How much the average confidence may exceed what is right."""

MOSTLY_COMPLAINTS = 0.2
"""With less right than this, feedback was given because something was wrong."""

MOST_JUDGED = 0.5
"""From here on feedback speaks for all predictions."""

MANY_WRONG = 0.1


@dataclass(frozen=True, slots=True)
class Overconfident(Claim):
    """Surer than right, by so much of feedback as there is."""

    issue_type: ClassVar[str] = "overconfident"
    advice: ClassVar[str] = "Calibrate the model on the feedback, or train it again with it."

    judged: int
    right: int
    predictions: int
    confidence: float

    @property
    def severity(self) -> Severity:
        """High where most predictions were judged, or where those that were wrong suffice by themselves."""
        proven = (self.judged - self.right) / self.predictions >= 1 - self.confidence + OVERCONFIDENT
        return Severity.HIGH if proven or self.judged >= MOST_JUDGED * self.predictions else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return (
            f"Feedback on {self.judged:,} of {plural(self.predictions, 'prediction')} "
            f"({percent(self.judged / self.predictions)}) says that {percent(self.right / self.judged)} of those were "
            f"right; average confidence was {number(self.confidence)}."
        )


@dataclass(frozen=True, slots=True)
class Complaints(Claim):
    """Some were reported as wrong, which says nothing about the others."""

    issue_type: ClassVar[str] = "complaints"
    advice: ClassVar[str] = "Look at the predictions that were reported as wrong: is there a pattern?"

    wrong: int
    judged: int
    predictions: int

    @property
    def severity(self) -> Severity:
        """By how many of all predictions are known to be wrong."""
        return Severity.MEDIUM if self.wrong >= MANY_WRONG * self.predictions else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        were = "was" if self.wrong == 1 else "were"
        right = f"{self.judged - self.wrong:,}" if self.judged > self.wrong else "none"
        return (
            f"{self.wrong:,} of {plural(self.predictions, 'prediction')} ({percent(self.wrong / self.predictions)}) "
            f"{were} reported as wrong, {right} as right; of the others nothing is known."
        )


def feedback_claims(facts: Facts) -> Iterator[Claim]:
    """What feedback proves about the window."""
    quality, now = facts.quality, facts.now
    if quality is None or quality.accuracy is None or not 0 < quality.feedback_count <= now.total_predictions:
        return
    judged, right = quality.feedback_count, round(quality.accuracy * quality.feedback_count)
    wrong, total = judged - right, now.total_predictions
    if is_overconfident(judged, right, total, now.average_confidence):
        yield Overconfident(judged, right, total, now.average_confidence or 0.0)
    elif wrong and right < MOSTLY_COMPLAINTS * judged:
        yield Complaints(wrong, judged, total)


def is_overconfident(judged: int, right: int, total: int, confidence: float | None) -> bool:
    """Whether the model is surer than right: proven by the wrong ones alone, or by feedback that is no complaint."""
    if confidence is None:
        return False
    if (judged - right) / total >= 1 - confidence + OVERCONFIDENT and judged >= MIN_SAMPLE:
        return True
    one_sided = right < MOSTLY_COMPLAINTS * judged and judged < MOST_JUDGED * total
    return not one_sided and judged >= MIN_SAMPLE and highest_share(right, judged) <= confidence - OVERCONFIDENT
