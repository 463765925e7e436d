"""Claims about thresholds: which is breached, and by how much; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.claim import Claim, milder
from analytics_service.rules.figures import apart, number, percent, plural
from shared.contracts.thresholds import Breach

JUST = 0.005
"""Nearer to its threshold than this part of it, a value is just beyond."""

MANIFOLD = 2.0
"""From so many times the threshold on, times say more than per cent."""


@dataclass(frozen=True, slots=True)
class Breached(Claim):
    """A measured value beyond a threshold, over so many predictions."""

    threshold: str
    limit: float
    measured: float
    predictions: int

    @property
    def severity(self) -> Severity:
        """Critical or high, by the threshold; one step less over few predictions, for the next may be otherwise."""
        by_threshold = Severity.CRITICAL if "critical" in self.threshold else Severity.HIGH
        return milder(by_threshold) if self.predictions < MIN_SAMPLE else by_threshold

    @property
    def few(self) -> str:
        """Over how few predictions, when they are few."""
        return f", over only {plural(self.predictions, 'prediction')}" if self.predictions < MIN_SAMPLE else ""

    def beyond(self, side: str) -> str:
        """`12 % below`, `just above`, `3.4 times`."""
        if self.limit and self.measured / self.limit >= MANIFOLD:
            return f"{number(self.measured / self.limit)} times"
        distance = abs(self.measured - self.limit) / self.limit if self.limit else 0.0
        return f"just {side}" if distance < JUST else f"{percent(distance)} {side}"


@dataclass(frozen=True, slots=True)
class LowConfidence(Breached):
    """Average confidence below a threshold."""

    issue_type: ClassVar[str] = "low_confidence"
    advice: ClassVar[str] = "Look at recent inputs: are they of the kind that the model was trained on?"

    @property
    def sentence(self) -> str:
        """The claim in words."""
        measured, limit = apart(self.measured, self.limit)
        return f"Average confidence was {measured}, {self.beyond('below')} {self.threshold} ({limit}){self.few}."


@dataclass(frozen=True, slots=True)
class SlowInference(Breached):
    """Inference that takes longer than a threshold allows."""

    issue_type: ClassVar[str] = "slow_inference"
    advice: ClassVar[str] = "Give prediction-service more CPU or another replica, or serve a smaller model."

    @property
    def sentence(self) -> str:
        """The claim in words."""
        measured, limit = apart(self.measured, self.limit)
        beyond = f"{self.beyond('above')} {self.threshold} ({limit} ms)"
        return f"95 % of inferences took up to {measured} ms, {beyond}{self.few}."


def threshold_claims(facts: Facts) -> Iterator[Claim]:
    """One claim for each breach."""
    for breach in facts.now.breaches:
        kind = LowConfidence if breach.threshold.startswith("min_confidence") else SlowInference
        yield kind(breach.threshold, breach.threshold_value, breach.measured_value, facts.now.total_predictions)


def still_breached(facts: Facts) -> list[Breach]:
    """The breaches that the window before had as well."""
    before = {breach.threshold for breach in facts.before.breaches} if facts.before else set()
    return [breach for breach in facts.now.breaches if breach.threshold in before]
