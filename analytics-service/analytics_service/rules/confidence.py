"""Claims about how sure the model is; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import SURE, means_by_chance, spread_of
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import apart
from analytics_service.rules.windows import comparable, window_before
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftMeasure

MATTERS = 0.05
"""A change of average confidence worth a word."""

MATTERS_MUCH = 0.1


@dataclass(frozen=True, slots=True)
class ConfidenceFell(Claim):
    """Less sure than in the window before, and not by chance."""

    issue_type: ClassVar[str] = "confidence_falling"
    advice: ClassVar[str] = "Compare recent inputs with earlier ones, and check whether a model version changed."

    before: float
    now: float
    window_before: str

    @property
    def severity(self) -> Severity:
        """High for a fall that matters much."""
        return Severity.HIGH if self.before - self.now >= MATTERS_MUCH else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        before, now = apart(self.before, self.now)
        return f"Average confidence fell from {before} in {self.window_before} to {now}."


@dataclass(frozen=True, slots=True)
class ConfidenceRose(Claim):
    """Surer than in the window before, and not by chance: good to know, and to ask why."""

    issue_type: ClassVar[str] = "confidence_rising"
    advice: ClassVar[str] = "Find out why the model is surer: easier inputs, or a version that claims more?"

    before: float
    now: float
    window_before: str

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        before, now = apart(self.before, self.now)
        return f"Average confidence rose from {before} in {self.window_before} to {now}."


def confidence_claims(facts: Facts) -> Iterator[ConfidenceFell | ConfidenceRose]:
    """How confidence changed, if it did by enough to matter and for sure."""
    before, now = comparable(facts), facts.now
    if before is None or before.average_confidence is None or now.average_confidence is None:
        return
    change = now.average_confidence - before.average_confidence
    if abs(change) < MATTERS or confidence_by_chance(facts, before) > SURE:
        return
    kind = ConfidenceFell if change < 0 else ConfidenceRose
    yield kind(before.average_confidence, now.average_confidence, window_before(facts))


def confidence_by_chance(facts: Facts, before: AggregatedMetrics) -> float:
    """How often chance alone moves the average so far; 1 where there is none."""
    measure = measured(facts)
    sides = [
        (metrics.average_confidence, metrics.total_predictions, shares)
        for metrics, shares in (
            (before, measure.reference if measure else None),
            (facts.now, measure.current if measure else None),
        )
        if metrics.average_confidence is not None
    ]
    if len(sides) != 2:
        return 1.0
    one, other = ((mean, count, spread_of(mean, shares)) for mean, count, shares in sides)
    return means_by_chance(one, other)


def measured(facts: Facts) -> DriftMeasure | None:
    """How confidences are distributed in both windows, as far as that is known."""
    drift = facts.drift
    measures = drift.measures if drift else []
    return next((each for each in measures if each.name == "confidence" and each.reference and each.current), None)
