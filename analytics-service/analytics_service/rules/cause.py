"""The likely cause: the story that the claims tell together; pure. It speaks of claims alone, never of raw numbers."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.claim import Claim
from analytics_service.rules.confidence import MATTERS, ConfidenceFell, ConfidenceRose
from analytics_service.rules.drift import ConfidenceDrift, Drifted, InputDrift, LabelDrift, LengthDrift, ValueDrift
from analytics_service.rules.figures import joined, listed, number
from analytics_service.rules.labels import OtherLabels
from analytics_service.rules.mixture import others_alike
from analytics_service.rules.models import OtherModels
from analytics_service.rules.speed import Slower
from analytics_service.rules.thresholds import still_breached
from analytics_service.rules.traffic import TrafficRose
from analytics_service.rules.versions import NewVersion
from analytics_service.rules.windows import window_before
from shared.contracts.drift import DriftStatus

Kind = TypeVar("Kind", bound=Claim)

MOST = 0.5

MORE_TRAFFIC = 1.1
"""From so many times the traffic on, it may be what slows."""

MODELS_TOLD = 3

EFFECTS: dict[type[Claim], str] = {
    ConfidenceFell: "the model is less sure",
    ConfidenceRose: "the model is surer",
    Slower: "inference takes longer",
    LabelDrift: "it gives other labels",
    OtherLabels: "its labels are not the same",
    ValueDrift: "it gives other values",
}
"""What a new version may have brought."""

MOVED_BY_MODELS = (
    ConfidenceFell,
    ConfidenceRose,
    ConfidenceDrift,
    LabelDrift,
    OtherLabels,
    LengthDrift,
    ValueDrift,
    Slower,
)
"""What moves when other models are asked."""


def likely_cause(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """A hypothesis; None when the claims tell no story."""
    recent = [claim for claim in claims if not claim.of_baseline]
    return (
        by_models(facts, recent)
        or by_version(facts, recent)
        or by_labels(recent)
        or by_inputs(facts, recent)
        or by_load(facts, recent)
        or of_confidence(facts, recent)
        or slowly(facts, claims)
        or not_new(facts)
    )


def by_models(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """Other models than before explain other numbers over all models."""
    others = [claim.told for claim in claims if isinstance(claim, OtherModels)]
    if not others or not any(isinstance(claim, MOVED_BY_MODELS) for claim in claims):
        return None
    told = joined(
        [*others[:MODELS_TOLD], *([f"{len(others) - MODELS_TOLD} more changed"] * (len(others) > MODELS_TOLD))]
    )
    alike = others_alike(facts)
    rest = {
        None: "",
        True: ", while each model of both windows by itself has confidence and labels like before",
        False: ", though models of both windows have changed by themselves, too",
    }[alike]
    return f"{told[0].upper()}{told[1:]}: numbers over all models are of other models than before{rest}."


def by_version(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """A version that came explains what changed with it, where there is one model alone to explain."""
    if len({each.model_name for each in facts.now.versions}) != 1:
        return None
    effects = [words for kind, words in EFFECTS.items() if one(kind, claims)]
    for new in (claim for claim in claims if isinstance(claim, NewVersion)):
        if new.share > MOST and effects:
            return f"Version {new.version} of {new.model}: since it gives most predictions, {joined(effects)}."
        if not new.share_before and any(could_move(new, claim) for claim in claims):
            return f"Version {new.version} of {new.model} may be what moved the numbers: it is new in this window."
    return None


def could_move(new: NewVersion, claim: Claim) -> bool:
    """Whether a new version gives enough predictions to be half of a change, or more."""
    if isinstance(claim, ConfidenceFell | ConfidenceRose):
        pull = new.share * abs((new.confidence or 0.0) - (new.confidence_before or 0.0))
        return pull >= abs(claim.now - claim.before) / 2
    if isinstance(claim, LabelDrift | ConfidenceDrift):
        return new.share >= abs(claim.now - claim.before) / 2
    return isinstance(claim, OtherLabels | Slower) and new.share >= MATTERS


def by_labels(claims: Sequence[Claim]) -> str | None:
    """A version that says nothing of what it said before is probably another model."""
    if any(isinstance(claim, OtherLabels) and claim.is_whole for claim in claims):
        return (
            "No label is one of before: the model was probably exchanged or turned around; inputs alone hardly do that."
        )
    return None


def by_inputs(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """Other inputs explain other outputs."""
    columns = [claim.column for claim in claims if isinstance(claim, InputDrift)]
    if columns:
        kinds = (ConfidenceFell, ConfidenceRose, LabelDrift, ValueDrift)
        effects = [EFFECTS[kind] for kind in kinds if one(kind, claims)]
        then = f": with {'it' if len(columns) == 1 else 'them'}, {joined(effects)}" if effects else ""
        return f"Callers send other inputs than before, of {listed(columns)}{then}."
    if not one(LengthDrift, claims):
        return None
    effects = [EFFECTS[kind] for kind in (ConfidenceFell, ConfidenceRose, LabelDrift) if one(kind, claims)]
    if effects:
        return f"Callers send other inputs than before: with their lengths, {joined(effects)}."
    others = [claim for claim in claims if isinstance(claim, ConfidenceDrift | OtherLabels)]
    if steady(facts, "label", "confidence") and not others:
        return "Callers send inputs of other lengths than before; confidence and labels show no change that matters."
    return "Callers send inputs of other lengths than before."


def by_load(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """More traffic explains longer times; whether it is the cause, a smaller rise leaves open."""
    if not one(Slower, claims):
        return None
    if one(TrafficRose, claims):
        return "More traffic than prediction-service keeps up with: time and volume rose together."
    growth = facts.now.total_predictions / facts.before.total_predictions if facts.before else 1.0
    if growth >= MORE_TRAFFIC:
        more = f"More traffic ({number(growth)} times as much)"
        return f"{more}, longer inputs or a busy machine: one of them probably slows prediction-service down."
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
    moved = [claim.subject for claim in claims if isinstance(claim, Drifted) and claim.of_baseline]
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
    judged: dict[str, DriftStatus] = {
        measure.name if measure.input is None else measure.subject: measure.status for measure in measures
    }
    return all(judged.get(name) in (DriftStatus.STABLE, DriftStatus.SLIGHT) for name in names)


def one(kind: type[Kind], claims: Iterable[Claim]) -> Kind | None:
    """The first claim of a kind."""
    return next((claim for claim in claims if isinstance(claim, kind)), None)
