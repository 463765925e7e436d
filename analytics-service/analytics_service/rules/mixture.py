"""Whether the models that served in both windows changed by themselves, or only all of them together; pure."""

from collections import Counter
from collections.abc import Sequence

from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.confidence import MATTERS
from analytics_service.rules.drift import MODERATE_PSI, index
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics


def others_alike(facts: Facts) -> bool | None:
    """Whether each model of both windows by itself has confidence and labels like before; None: no such model."""
    if facts.before is None:
        return None
    both = models_of(facts.now) & models_of(facts.before)
    pairs = [(of_model(facts.before, model), of_model(facts.now, model)) for model in sorted(both)]
    judged = [(before, now) for before, now in pairs if min(total_of(before), total_of(now)) >= MIN_SAMPLE]
    return all(is_alike(before, now) for before, now in judged) if judged else None


def is_alike(before: Sequence[VersionMetrics], now: Sequence[VersionMetrics]) -> bool:
    """Whether neither the average confidence of a model nor its labels changed by what matters."""
    confidence_before, confidence = average_of(before), average_of(now)
    if confidence is None or confidence_before is None or abs(confidence - confidence_before) >= MATTERS:
        return False
    labels_before, labels = labels_of(before), labels_of(now)
    if not labels_before or not labels:
        return False
    psi, expected, _ = index(labels_before, labels)
    return psi - expected < MODERATE_PSI


def models_of(metrics: AggregatedMetrics) -> set[str]:
    """The models that predicted anything."""
    return {each.model_name for each in metrics.versions if each.total_predictions}


def of_model(metrics: AggregatedMetrics, model: str) -> list[VersionMetrics]:
    """The versions of a model that predicted anything."""
    return [each for each in metrics.versions if each.model_name == model and each.total_predictions]


def total_of(versions: Sequence[VersionMetrics]) -> int:
    """Their predictions."""
    return sum(each.total_predictions for each in versions)


def average_of(versions: Sequence[VersionMetrics]) -> float | None:
    """Their average confidence; None: not known of all."""
    known = [
        each.average_confidence * each.total_predictions for each in versions if each.average_confidence is not None
    ]
    return sum(known) / total_of(versions) if versions and len(known) == len(versions) else None


def labels_of(versions: Sequence[VersionMetrics]) -> Counter[str]:
    """Their labels, counted."""
    found: Counter[str] = Counter()
    for each in versions:
        found.update(each.label_distribution)
    return found
