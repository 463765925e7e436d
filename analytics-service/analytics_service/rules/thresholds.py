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


@dataclass(frozen=True, slots=True)
class ValueOutside(Breached):
    """An average value beyond a threshold below or above it."""

    issue_type: ClassVar[str] = "value_out_of_range"
    advice: ClassVar[str] = "Compare recent inputs with those that the model was trained on: a unit may have changed."

    @property
    def sentence(self) -> str:
        """The claim in words."""
        side = "below" if self.threshold.startswith("min") else "above"
        measured, limit = apart(self.measured, self.limit)
        return f"The average value was {measured}, {side} {self.threshold} ({limit}){self.few}."


@dataclass(frozen=True, slots=True)
class LargeError(Breached):
    """Values that are further from what they should have been than a threshold allows."""

    issue_type: ClassVar[str] = "large_error"
    advice: ClassVar[str] = "Train the model anew on what feedback says, or go back to a version that was nearer."

    @property
    def sentence(self) -> str:
        """The claim in words."""
        measured, limit = apart(self.measured, self.limit)
        return f"By feedback, values were {measured} off on average, {self.beyond('above')} {self.threshold} ({limit})."


KINDS: dict[str, type[Breached]] = {
    "min_confidence": LowConfidence,
    "max_inference_time": SlowInference,
    "min_value": ValueOutside,
    "max_value": ValueOutside,
    "max_mae": LargeError,
}
"""What the name of a threshold begins with → the claim that it is breached."""


def threshold_claims(facts: Facts) -> Iterator[Claim]:
    """One claim for each breach."""
    for breach in facts.now.breaches:
        kind = next(kind for prefix, kind in KINDS.items() if breach.threshold.startswith(prefix))
        yield kind(breach.threshold, breach.threshold_value, breach.measured_value, facts.now.total_predictions)


def still_breached(facts: Facts) -> list[Breach]:
    """The breaches that the window before had as well."""
    before = {breach.threshold for breach in facts.before.breaches} if facts.before else set()
    return [breach for breach in facts.now.breaches if breach.threshold in before]
