"""The likely cause: the story that the claims tell together; pure. It speaks of claims alone, never of raw numbers."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from analytics_service.facts import Facts
from analytics_service.rules.claim import Claim
from analytics_service.rules.confidence import ConfidenceFell, ConfidenceRose
from analytics_service.rules.drift import ConfidenceDrift, Drifted, LabelDrift, LengthDrift
from analytics_service.rules.figures import joined
from analytics_service.rules.labels import OtherLabels
from analytics_service.rules.speed import Slower
from analytics_service.rules.thresholds import still_breached
from analytics_service.rules.traffic import TrafficRose
from analytics_service.rules.versions import NewVersion, VersionsDiffer
from analytics_service.rules.windows import window_before
from shared.contracts.metrics import DriftStatus

Kind = TypeVar("Kind", bound=Claim)

MOST = 0.5

EFFECTS: dict[type[Claim], str] = {
    ConfidenceFell: "the model is less sure",
    ConfidenceRose: "the model is surer",
    Slower: "inference takes longer",
    LabelDrift: "it gives other labels",
    OtherLabels: "its labels are not the same",
}
"""What a new version may have brought."""


def likely_cause(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """A hypothesis; None when the claims tell no story."""
    recent = [claim for claim in claims if not claim.of_baseline]
    return (
        by_version(facts, recent)
        or by_inputs(facts, recent)
        or by_load(recent)
        or of_confidence(facts, recent)
        or slowly(facts, claims)
        or not_new(facts)
    )


def by_version(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """A version that came explains what changed with it, where there is one model alone to explain."""
    if len({each.model_name for each in facts.now.versions}) != 1:
        return None
    effects = [words for kind, words in EFFECTS.items() if one(kind, claims)]
    for new in (claim for claim in claims if isinstance(claim, NewVersion)):
        if new.share > MOST and effects:
            return f"Version {new.version} of {new.model}: since it gives most predictions, {joined(effects)}."
        if not new.share_before and (effects or one(VersionsDiffer, claims) or one(ConfidenceDrift, claims)):
            return f"Version {new.version} of {new.model} may be what moved the numbers: it is new in this window."
    return None


def by_inputs(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """Other inputs explain other outputs."""
    if not one(LengthDrift, claims):
        return None
    effects = [EFFECTS[kind] for kind in (ConfidenceFell, ConfidenceRose, LabelDrift) if one(kind, claims)]
    if effects:
        return f"Callers send other inputs than before: with their lengths, {joined(effects)}."
    others = [claim for claim in claims if isinstance(claim, ConfidenceDrift | OtherLabels)]
    if steady(facts, "label", "confidence") and not others:
        return "Callers send inputs of other lengths than before; confidence and labels show no change that matters."
    return "Callers send inputs of other lengths than before."


def by_load(claims: Sequence[Claim]) -> str | None:
    """More traffic explains longer times."""
    if not one(Slower, claims):
        return None
    if one(TrafficRose, claims):
        return "More traffic than prediction-service keeps up with: time and volume rose together."
    return "Something slows prediction-service down that is not a surge of traffic: longer inputs, or a busy machine."


def of_confidence(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """What is left to explain a model that is less sure, or says something else."""
    if one(ConfidenceFell, claims) and one(LabelDrift, claims):
        return "The inputs have probably changed in kind: the model gives other labels and is less sure of them."
    if one(ConfidenceFell, claims):
        still = "; labels and input lengths show no change that matters"
        return f"Inputs are probably harder than before{still if steady(facts, 'label', 'input_length') else ''}."
    if any(isinstance(claim, Drifted) for claim in claims):
        return "Callers probably send inputs of another kind: predictions are distributed otherwise."
    return None


def slowly(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """Drift from the baseline that the window before does not show."""
    names = {LabelDrift: "label", ConfidenceDrift: "confidence", LengthDrift: "input_length"}
    moved = [names[type(claim)] for claim in claims if isinstance(claim, Drifted) and claim.of_baseline]
    if moved and steady(facts, *moved):
        return f"It has come slowly, or long ago: {window_before(facts)} were already like this."
    return None


def not_new(facts: Facts) -> str | None:
    """A breach that the window before had as well."""
    names = [breach.threshold for breach in still_breached(facts)]
    return f"It is not new: {joined(names)} was breached in {window_before(facts)} as well." if names else None


def steady(facts: Facts, *names: str) -> bool:
    """Whether these properties could be judged, and show no change that matters."""
    measures = facts.drift.measures if facts.drift else []
    judged: dict[str, DriftStatus] = {measure.name: measure.status for measure in measures}
    return all(judged.get(name) in (DriftStatus.STABLE, DriftStatus.SLIGHT) for name in names)


def one(kind: type[Kind], claims: Iterable[Claim]) -> Kind | None:
    """The first claim of a kind."""
    return next((claim for claim in claims if isinstance(claim, kind)), None)
