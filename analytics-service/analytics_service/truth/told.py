"""Facts → the numbers that Gemini is told, and against which its sentences are held; pure.

Only numbers and validated names go in, never a user's text, so nobody can talk to the model through this service.
"""

import re
from dataclasses import asdict
from itertools import islice
from typing import Any, TypeVar

from analytics_service.metrics_client.facts import Facts, SeenAlerts
from analytics_service.rules.certainty import counts_by_chance
from analytics_service.rules.confidence import confidence_by_chance
from analytics_service.rules.rollouts import told_rollouts
from analytics_service.rules.speed import slower_by_chance
from analytics_service.rules.version_differences import furthest_apart
from analytics_service.rules.windows import comparable
from analytics_service.truth.told_of_key import told_of_key
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftMeasure, DriftReport, DriftStatus
from shared.contracts.values import LabelMetrics

Number = TypeVar("Number", int, float)

PLAIN_LABEL = re.compile(r"[\w .:/+-]{1,64}")
"""Labels come from model manifests; one that could carry a sentence is replaced by a number."""

VERSIONS_TOLD, ALERTS_TOLD, LABELS_TOLD, INPUTS_TOLD, ROLLOUTS_TOLD = 20, 20, 50, 20, 20
"""More would only cost tokens: those with the most predictions, the newest, the most frequent, the worst."""


def told_of(facts: Facts) -> Any:
    """What Gemini is told."""
    if facts.all_callers is not None:
        return rounded(told_of_key(facts, facts.all_callers, VERSIONS_TOLD))
    numbers = {
        "window": numbers_of(facts.now),
        "window_before": numbers_of(facts.before) if facts.before else None,
        "changes": changes_of(facts),
        "drift_against_window_before": drift_of(facts.drift) if facts.drift else None,
        "drift_against_baseline": baseline_of(facts.pinned) if facts.pinned else None,
        "feedback": feedback_of(facts) if facts.quality else None,
        "alerts": alerts_of(facts.alerts) if facts.alerts else None,
        "versions_furthest_apart": [asdict(pair) for pair in islice(furthest_apart(facts), VERSIONS_TOLD)],
        "rollouts": told_rollouts(facts.rollouts.rollouts[:ROLLOUTS_TOLD]) if facts.rollouts else None,
        "status": facts.now.status,
        "breaches": [breach.model_dump() for breach in facts.now.breaches],
        "thresholds": facts.state.thresholds.model_dump(exclude={"updated_at", "model_name", "version"}),
        "model": facts.now.model_name,
        "task": facts.now.task_type,
    }
    return rounded(numbers)


def rounded(value: Any) -> Any:
    """The same with four significant digits: more only cost tokens."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def numbers_of(metrics: AggregatedMetrics) -> dict[str, Any]:
    """The numbers of one window."""
    told_elsewhere = {"label_distribution", "labels", "versions", "breaches", "status", "model_name", "task_type"}
    plain = metrics.model_dump(exclude=told_elsewhere)
    versions = [
        version.model_dump(exclude={"label_distribution"}) | {"labels": plain_labels(version.label_distribution)}
        for version in metrics.versions[:VERSIONS_TOLD]
    ]
    return plain | {
        "label_distribution": plain_labels(metrics.label_distribution),
        "labels_per_prediction": sets_of(metrics.labels) if metrics.labels else None,
        "versions": versions,
    }


def sets_of(labels: LabelMetrics) -> dict[str, Any]:
    """How many labels predictions have, and the share of predictions that have each, of the most frequent ones."""
    frequent = dict(list(labels.shares.items())[:LABELS_TOLD])
    return {"average": labels.average_labels, "share_of_predictions_with": plain_labels(frequent)}


def changes_of(facts: Facts) -> dict[str, Any] | None:
    """What changed between the windows, and how often chance alone does that; None: they cannot be compared."""
    before, now = comparable(facts), facts.now
    if before is None:
        return None
    return {
        "predictions": {
            "before": before.total_predictions,
            "now": now.total_predictions,
            "by_chance": counts_by_chance(before.total_predictions, now.total_predictions),
        },
        **values_changed(before, now),
        "average_confidence": {
            "before": before.average_confidence,
            "now": now.average_confidence,
            "by_chance": confidence_by_chance(facts, before),
        },
        "p95_inference_time_ms": {
            "before": before.p95_inference_time_ms,
            "now": now.p95_inference_time_ms,
            "slower_by_chance": slower_by_chance(before, now),
        },
    }


def values_changed(before: AggregatedMetrics, now: AggregatedMetrics) -> dict[str, Any]:
    """How the average value changed, of models that have one; whether by chance, the drift of values says."""
    if before.values is None or now.values is None:
        return {}
    return {"average_value": {"before": before.values.average, "now": now.values.average}}


def drift_of(drift: DriftReport) -> dict[str, Any]:
    """How far apart the distributions of both windows are, by property; the bins themselves are left out."""
    told = {"status", "psi", "chance_psi", "p_value"}
    inputs = [measure for measure in drift.measures if measure.input is not None]
    found: dict[str, Any] = {
        measure.name: measure.model_dump(include=told) for measure in drift.measures if measure.input is None
    }
    if inputs:
        worst = sorted(inputs, key=badness, reverse=True)[:INPUTS_TOLD]
        found["inputs"] = {
            plain_input(measure, place): measure.model_dump(include=told | {"missing", "other"}, exclude_none=True)
            for place, measure in enumerate(worst)
        }
    return found


WORSE = (
    DriftStatus.STABLE,
    DriftStatus.NOT_ENOUGH_DATA,
    DriftStatus.SLIGHT,
    DriftStatus.MODERATE,
    DriftStatus.SIGNIFICANT,
)
"""As the metrics-service orders them."""


def badness(measure: DriftMeasure) -> tuple[int, float]:
    """How much an input drifted, for an order."""
    return WORSE.index(measure.status), measure.excess_psi or 0.0


def plain_input(measure: DriftMeasure, place: int) -> str:
    """The name of an input, which a manifest gives, or a number in its place."""
    name = measure.input or ""
    return name if PLAIN_LABEL.fullmatch(name) else f"input_{place}"


def baseline_of(pinned: DriftReport) -> dict[str, Any]:
    """The same against the pinned baseline, and which one it is."""
    return {"baseline": pinned.baseline, "predictions_in_it": pinned.reference_sample_size} | drift_of(pinned)


def feedback_of(facts: Facts) -> dict[str, Any]:
    """What feedback says, on which part of the predictions, and whose word it is."""
    known, total = facts.quality, facts.now.total_predictions
    if known is None:
        return {}
    of_sets = {"judged_as_sets_of_labels": known.sets.judged} if known.sets else {}
    return {
        "predictions_judged": known.feedback_count,
        "share_of_predictions_judged": known.feedback_count / total if total else None,
        "judgements_count_for": known.counts_for,
        "share_right_of_what_they_count_for": known.accuracy,
        "callers_who_judged": known.callers,
        "is_independent": known.is_independent,
        **of_sets,
    }


def alerts_of(seen: SeenAlerts) -> list[dict[str, Any]]:
    """The newest alerts, whose names were validated as those of models are."""
    named = [alert for alert in seen.alerts if PLAIN_LABEL.fullmatch(alert.model_name)]
    return [alert.model_dump(exclude={"history"}) for alert in named[:ALERTS_TOLD]]


def plain_labels(counts: dict[str, Number]) -> dict[str, Number]:
    """The distribution with every label that is no plain name replaced by its place in the alphabet."""
    return {
        label if PLAIN_LABEL.fullmatch(label) else f"label_{place}": counts[label]
        for place, label in enumerate(sorted(counts))
    }
