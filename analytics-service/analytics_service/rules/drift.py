"""Claims about drift: what is distributed otherwise than in the window before, for certain; pure.

Whether it is certain, and how large, the metrics-service says; how much it matters depends on what it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.facts import Facts
from analytics_service.report import Severity
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import name_of, number, percents
from analytics_service.rules.windows import window_before
from shared.contracts.metrics import DriftMeasure, DriftStatus

TOLD = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)


@dataclass(frozen=True, slots=True)
class Drifted(Claim):
    """A property that is distributed otherwise, and the bin of it that moved most."""

    advice: ClassVar[str] = "Find out whether callers or their inputs changed; if for good, evaluate the model on them."

    strong: bool
    psi: float
    by_chance: float
    bin_name: str
    before: float
    now: float
    window_before: str

    @property
    def severity(self) -> Severity:
        """High for a strong change."""
        return Severity.HIGH if self.strong else Severity.MEDIUM

    @property
    def shares(self) -> str:
        """`55 %, 20 % in the 60 minutes before`, and how far apart the distributions are."""
        now, before = percents(self.now, self.before)
        return (
            f"{now}, {before} in {self.window_before} (population stability index {number(self.psi)}, "
            f"by chance up to {number(self.by_chance, 2)})"
        )


@dataclass(frozen=True, slots=True)
class LabelDrift(Drifted):
    """Other labels are given."""

    issue_type: ClassVar[str] = "label_drift"

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of predictions that said {name_of(self.bin_name)} was {self.shares}."


@dataclass(frozen=True, slots=True)
class ConfidenceDrift(Drifted):
    """Confidences are spread otherwise, though about the same on average: else it is told as a fall or a rise."""

    issue_type: ClassVar[str] = "confidence_drift"

    @property
    def severity(self) -> Severity:
        """Medium: the average is about the same."""
        return Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of predictions with a confidence of {self.bin_name} was {self.shares}."


@dataclass(frozen=True, slots=True)
class LengthDrift(Drifted):
    """Other inputs come. That alone harms nobody: what it does to confidence and labels is another claim."""

    issue_type: ClassVar[str] = "input_length_drift"

    @property
    def severity(self) -> Severity:
        """Medium for a strong change."""
        return Severity.MEDIUM if self.strong else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of inputs of {self.bin_name} characters was {self.shares}."


KINDS: dict[str, type[Drifted]] = {
    "label": LabelDrift,
    "confidence": ConfidenceDrift,
    "input_length": LengthDrift,
}


def drift_claims(facts: Facts) -> Iterator[Drifted]:
    """One claim for each property that drifted."""
    for measure in facts.drift.measures if facts.drift else []:
        kind = KINDS.get(measure.name)
        if kind and measure.status in TOLD and measure.psi is not None:
            moved, before, now = most_moved(measure)
            strong = measure.status is DriftStatus.SIGNIFICANT
            yield kind(strong, measure.psi, measure.chance_psi or 0.0, moved, before, now, window_before(facts))


def most_moved(measure: DriftMeasure) -> tuple[str, float, float]:
    """The bin whose share moved most, before and now."""
    names = sorted(measure.reference.keys() | measure.current.keys()) or [""]
    moves = [(name, measure.reference.get(name, 0.0), measure.current.get(name, 0.0)) for name in names]
    return max(moves, key=lambda move: abs(move[1] - move[2]))
