"""Claims about how often predictions are right, by feedback; pure.

Feedback is no sample: people complain about what is wrong and say nothing of what is right. What it proves is that so
many predictions of all were wrong; more it only proves where most predictions were judged. And it proves nothing at all
when it is one or two strangers' word, however often they say it. Of sets of labels a confidence is that of the surest
label, and right are those that are right as a whole: that a model is surer than right, they cannot show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts, Quality
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
class Judgements:
    """What was said of how many predictions; the share of right ones belongs to what the judgements count for."""

    judged: int
    counts_for: float
    is_plain: bool
    share_right: float
    predictions: int

    @property
    def right(self) -> float:
        """What speaks for right, by weight."""
        return self.share_right * self.counts_for

    @property
    def wrong(self) -> float:
        """What speaks for wrong, by weight: at least so many predictions were."""
        return self.counts_for - self.right

    @property
    def of_most(self) -> bool:
        """Whether so many were judged that feedback is no choice of what is wrong."""
        return self.judged >= MOST_JUDGED * self.predictions

    @property
    def of_others(self) -> str:
        """What is to be said of predictions that nobody judged; nothing where all were."""
        return "; of the others nothing is known" if self.judged < self.predictions else ""

    @property
    def told(self) -> str:
        """`320 of 400 predictions (80 %)`."""
        return (
            f"{self.judged:,} of {plural(self.predictions, 'prediction')} ({percent(self.judged / self.predictions)})"
        )

    @property
    def verdict(self) -> str:
        """The share of right ones, and of what it is one."""
        share = percent(self.share_right)
        if self.is_plain:
            return f"says that {share} of those were right"
        weight = number(self.counts_for)
        return f"counts for {weight}, as no caller counts for more than a limit; by that weight {share} were right"


@dataclass(frozen=True, slots=True)
class Overconfident(Claim):
    """Surer than right, by so much of feedback as there is."""

    issue_type: ClassVar[str] = "overconfident"
    advice: ClassVar[str] = "Calibrate the model on the feedback, or train it again with it."

    said: Judgements
    confidence: float

    @property
    def severity(self) -> Severity:
        """High where most predictions were judged, or where those that were wrong suffice by themselves."""
        said = self.said
        proven = said.wrong / said.predictions >= 1 - self.confidence + OVERCONFIDENT
        return Severity.HIGH if proven or said.counts_for >= MOST_JUDGED * said.predictions else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        said = self.said
        return f"Feedback on {said.told} {said.verdict}; average confidence was {number(self.confidence)}."


@dataclass(frozen=True, slots=True)
class Complaints(Claim):
    """Some were reported as wrong, which says nothing about the others."""

    issue_type: ClassVar[str] = "complaints"
    advice: ClassVar[str] = "Look at the predictions that were reported as wrong: is there a pattern?"

    said: Judgements

    @property
    def severity(self) -> Severity:
        """By how many of all predictions are known to be wrong, or are said to be by many about most."""
        said = self.said
        by_many = said.of_most and said.judged >= MIN_SAMPLE
        return Severity.MEDIUM if by_many or said.wrong >= MANY_WRONG * said.predictions else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        said = self.said
        if not said.is_plain:
            return f"Feedback on {said.told} {said.verdict}{said.of_others}."
        wrong, right = round(said.wrong), round(said.right)
        were = "was" if wrong == 1 else "were"
        return (
            f"{wrong:,} of {plural(said.predictions, 'prediction')} ({percent(wrong / said.predictions)}) "
            f"{were} reported as wrong, {f'{right:,}' if right else 'none'} as right{said.of_others}."
        )


@dataclass(frozen=True, slots=True)
class OneVoice(Claim):
    """One or two strangers, or nobody knows how many, call predictions wrong. That is heard, and proves nothing."""

    issue_type: ClassVar[str] = "unconfirmed_feedback"
    advice: ClassVar[str] = "Judge a sample of these predictions with the admin token: that counts in full."

    said: Judgements
    callers: int | None

    @property
    def severity(self) -> Severity:
        """Low, whatever they say."""
        return Severity.LOW

    @property
    def whose(self) -> str:
        """Whose word it is."""
        if self.callers is None:
            return "how many callers gave it is not known"
        return f"all of it comes from {'one caller' if self.callers == 1 else f'{self.callers} callers'}"

    @property
    def sentence(self) -> str:
        """The claim in words."""
        said = self.said
        return f"Feedback on {said.told} {said.verdict}; {self.whose}, which proves nothing about the model."


def feedback_claims(facts: Facts) -> Iterator[Claim]:
    """What feedback proves about the window."""
    quality, now = facts.quality, facts.now
    if quality is None or quality.accuracy is None or not 0 < quality.feedback_count <= now.total_predictions:
        return
    said = judgements(quality, quality.accuracy, now.total_predictions)
    if said.wrong < 0.5:
        return
    confidence = now.average_confidence
    is_much = confidence is not None and not quality.is_of_sets and is_overconfident(said, confidence)
    if not quality.is_independent:
        if is_much or said.share_right < MOSTLY_COMPLAINTS:
            yield OneVoice(said, quality.callers)
    elif is_much:
        yield Overconfident(said, confidence or 0.0)
    elif said.share_right < MOSTLY_COMPLAINTS:
        yield Complaints(said)


def judgements(quality: Quality, share_right: float, predictions: int) -> Judgements:
    """What feedback says of so many predictions."""
    return Judgements(quality.feedback_count, quality.counts_for, quality.is_plain, share_right, predictions)


def is_overconfident(said: Judgements, confidence: float) -> bool:
    """Whether the model is surer than right: proven by the wrong ones alone, or by feedback that is no complaint."""
    if said.counts_for < MIN_SAMPLE:
        return False
    if said.wrong / said.predictions >= 1 - confidence + OVERCONFIDENT:
        return True
    one_sided = said.share_right < MOSTLY_COMPLAINTS and not said.of_most
    return not one_sided and highest_share(said.right, said.counts_for) <= confidence - OVERCONFIDENT
