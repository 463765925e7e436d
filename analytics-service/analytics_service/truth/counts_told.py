"""How many predictions may be spoken of: totals, of labels and versions, judged, beyond a percentile; pure."""

import re
from collections.abc import Iterator

from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.models import by_model

BEYOND = (0.5, 0.05, 0.01, 0.95, 0.99)
"""Parts of all predictions that are slower, or as fast, as a percentile says."""


def counts_told(facts: Facts) -> set[float]:
    """Every count of predictions that was told or follows."""
    return {0, 1, MIN_SAMPLE, *counts_of(facts)}


def counts_of(facts: Facts) -> Iterator[float]:
    """One after the other."""
    for metrics in facts.windows:
        yield metrics.total_predictions
        if metrics.p50_inference_time_ms is not None:
            yield from (round(part * metrics.total_predictions) for part in BEYOND)
        yield from metrics.label_distribution.values()
        yield from by_model(metrics).values()
        for each in metrics.versions:
            yield from (each.total_predictions, *each.label_distribution.values())
    for drift in filter(None, (facts.drift, facts.pinned)):
        yield from (drift.sample_size, drift.reference_sample_size)
        yield from (*drift.versions.values(), *drift.reference_versions.values())
        for measure in drift.measures:
            yield from (round(share * drift.sample_size) for share in measure.current.values())
            yield from (round(share * drift.reference_sample_size) for share in measure.reference.values())
    quality = facts.quality
    if quality and quality.accuracy is not None:
        for whole in (quality.feedback_count, quality.counts_for):
            yield from (whole, round(quality.accuracy * whole), round(whole - quality.accuracy * whole))
        yield facts.now.total_predictions - quality.feedback_count
        yield from [quality.sets.judged] if quality.sets else []


def sums_of_named(sentence: str, facts: Facts) -> Iterator[tuple[float, float]]:
    """Of two labels or more that a sentence names, taken together: how many, and which share; and of all others."""
    for metrics in facts.windows:
        named = [count for label, count in metrics.label_distribution.items() if is_named(label, sentence)]
        total = sum(metrics.label_distribution.values())
        if len(named) >= 2 and total:
            yield sum(named), sum(named) / total
            yield total - sum(named), 1 - sum(named) / total


def is_named(label: str, sentence: str) -> bool:
    """Whether a sentence has a label as a word."""
    return re.search(rf"(?<!\w){re.escape(label)}(?!\w)", sentence, re.IGNORECASE) is not None
