"""Claims about canaries: a candidate that is being tried, was rolled back by a guard, or became stable; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import moment, number, percents, plural
from shared.contracts.guards import GuardName, GuardReading, RolloutReading, RolloutState

NAMES = {
    GuardName.ERROR_RATE: "error rate",
    GuardName.P95: "95th percentile of the time that requests take",
    GuardName.CONFIDENCE: "average confidence",
    GuardName.ACCURACY: "accuracy by feedback",
    GuardName.THRESHOLDS: "95th percentile of the inference time",
}
"""What the figures of each guard are."""

IN_MILLISECONDS = (GuardName.P95, GuardName.THRESHOLDS)


@dataclass(frozen=True, slots=True)
class OfRollout(Claim):
    """Subclasses say what became of it."""

    model: str
    candidate: str
    stable: str
    at: datetime
    """When it began, or when it ended."""
    guards: tuple[GuardReading, ...]


@dataclass(frozen=True, slots=True)
class CandidateTried(OfRollout):
    """A canary is on."""

    issue_type: ClassVar[str] = "candidate_tried"
    advice: ClassVar[str] = "Compare candidate and stable version by POST /metrics/compare before promoting."

    @property
    def severity(self) -> Severity:
        """Medium as soon as a guard is in doubt: it may be rolled back."""
        return Severity.MEDIUM if self.doubting else Severity.LOW

    @property
    def doubting(self) -> list[GuardReading]:
        """The guards whose figures speak against the candidate."""
        return [guard for guard in self.guards if guard.in_doubt]

    @property
    def sentence(self) -> str:
        """The claim in words."""
        told = f"Version {self.candidate} of {self.model} is tried beside {self.stable} since {moment(self.at)}"
        errors = next((guard for guard in self.guards if guard.guard is GuardName.ERROR_RATE), None)
        over = f", on {plural(errors.candidate_number, 'request')} so far" if errors else ""
        if not self.doubting:
            return f"{told}{over}; no guard speaks against it."
        return f"{told}{over}; {' and '.join(map(figures, self.doubting))}."


@dataclass(frozen=True, slots=True)
class CandidateRolledBack(OfRollout):
    """A guard has rolled a candidate back, for what was worst by its figures."""

    issue_type: ClassVar[str] = "candidate_rolled_back"
    advice: ClassVar[str] = (
        "Read why the candidate was rolled back in GET /metrics/rollouts, and mend it as a new version."
    )

    @property
    def severity(self) -> Severity:
        """Medium: the stable version has taken over already."""
        return Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        worst = max(self.guards, key=lambda guard: guard.e_value / guard.rolls_back_at, default=None)
        why = f": {figures(worst)}" if worst else ""
        return f"Version {self.candidate} of {self.model} was rolled back to {self.stable} at {moment(self.at)}{why}."


@dataclass(frozen=True, slots=True)
class CandidatePromoted(OfRollout):
    """A candidate has become the stable version."""

    issue_type: ClassVar[str] = "candidate_promoted"
    advice: ClassVar[str] = "Judge the promoted version by its own numbers from here on."

    @property
    def severity(self) -> Severity:
        """Low: it was wanted."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"Version {self.candidate} of {self.model} took the place of {self.stable} at {moment(self.at)}."


def rollout_claims(facts: Facts) -> Iterator[Claim]:
    """What is to be said of canaries that were on in the window."""
    for seen in facts.rollouts.rollouts if facts.rollouts else []:
        common = (seen.model_name, seen.candidate_version, seen.stable_version)
        guards = tuple(seen.guards)
        if seen.state is RolloutState.ON:
            yield CandidateTried(*common, seen.started_at, guards)
        elif is_by_guard(seen) and seen.ended_at:
            yield CandidateRolledBack(*common, seen.ended_at, guards)
        elif seen.state is RolloutState.PROMOTED and seen.ended_at:
            yield CandidatePromoted(*common, seen.ended_at, guards)


def is_by_guard(seen: RolloutReading) -> bool:
    """Whether a guard rolled it back; why a person did, that person knows."""
    return seen.state is RolloutState.ROLLED_BACK and seen.ended_by == "guard"


def figures(reading: GuardReading) -> str:
    """`its error rate is 11 %, against 0.7 %`."""
    name = NAMES[reading.guard]
    if reading.candidate is None or reading.stable is None:
        return f"its {name} is worse"
    if reading.guard in IN_MILLISECONDS:
        return f"its {name} is {number(reading.candidate)} ms, against {number(reading.stable)} ms"
    now, before = percents(reading.candidate, reading.stable)
    return f"its {name} is {now}, against {before}"


def told_rollouts(seen: Sequence[RolloutReading]) -> list[dict[str, object]]:
    """The same for Gemini: numbers and validated names, no reason that a person wrote."""
    return [
        one.model_dump(
            mode="json", include={"model_name", "stable_version", "candidate_version", "state", "started_at"}
        )
        | {"ended_at": one.ended_at, "by_a_guard": is_by_guard(one)}
        | {"guards": {guard.guard.value: guard.model_dump(include=TOLD_OF_GUARDS) for guard in one.guards}}
        for one in seen
    ]


TOLD_OF_GUARDS = {"candidate", "stable", "candidate_number", "stable_number", "in_doubt"}
