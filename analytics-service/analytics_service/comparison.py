"""What changed between a window and the one before it; pure."""

import math
from dataclasses import dataclass

from shared.contracts.metrics import AggregatedMetrics

MIN_SAMPLE = 30
"""Predictions that a window needs before its averages are compared: below, chance moves them more than causes do."""

SMOOTHING = 0.5
"""Added to every label's count, so that a label that is new or gone gives a large PSI and not an infinite one."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Now against before; None where either side has no number."""

    volume_ratio: float | None
    confidence_difference: float | None
    p95_ratio: float | None
    label_psi: float | None
    """Population stability index of the labels: below 0.1 stable, from 0.25 on another population."""


def changes_between(now: AggregatedMetrics, before: AggregatedMetrics | None) -> Changes | None:
    """The changes; None when one of the windows is unknown or too small to compare."""
    if before is None or min(now.total_predictions, before.total_predictions) < MIN_SAMPLE:
        return None
    return Changes(
        volume_ratio=ratio(now.total_predictions, before.total_predictions),
        confidence_difference=difference(now.average_confidence, before.average_confidence),
        p95_ratio=ratio(now.p95_inference_time_ms, before.p95_inference_time_ms),
        label_psi=population_stability_index(now.label_distribution, before.label_distribution),
    )


def ratio(now: float | None, before: float | None) -> float | None:
    """`now` in units of `before`."""
    return now / before if now is not None and before else None


def difference(now: float | None, before: float | None) -> float | None:
    """How much more it is now."""
    return now - before if now is not None and before is not None else None


def population_stability_index(now: dict[str, int], before: dict[str, int]) -> float | None:
    """PSI over the labels of both windows; None when either has none."""
    labels = now.keys() | before.keys()
    if not now or not before:
        return None
    total_now, total_before = (sum(counts.values()) + SMOOTHING * len(labels) for counts in (now, before))
    index = 0.0
    for label in labels:
        share_now = (now.get(label, 0) + SMOOTHING) / total_now
        share_before = (before.get(label, 0) + SMOOTHING) / total_before
        index += (share_now - share_before) * math.log(share_now / share_before)
    return index
