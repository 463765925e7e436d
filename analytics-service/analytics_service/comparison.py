"""What changed between a window and the one before it; pure."""

from dataclasses import dataclass

from shared.contracts.metrics import AggregatedMetrics

MIN_SAMPLE = 30
"""Predictions that a window needs before its averages are compared: below, chance moves them more than causes do."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Now against before; None where either side has no number."""

    volume_ratio: float | None
    confidence_difference: float | None
    p95_ratio: float | None


def changes_between(now: AggregatedMetrics, before: AggregatedMetrics | None) -> Changes | None:
    """The changes; None when one of the windows is unknown or too small to compare."""
    if before is None or min(now.total_predictions, before.total_predictions) < MIN_SAMPLE:
        return None
    return Changes(
        volume_ratio=ratio(now.total_predictions, before.total_predictions),
        confidence_difference=difference(now.average_confidence, before.average_confidence),
        p95_ratio=ratio(now.p95_inference_time_ms, before.p95_inference_time_ms),
    )


def ratio(now: float | None, before: float | None) -> float | None:
    """`now` in units of `before`."""
    return now / before if now is not None and before else None


def difference(now: float | None, before: float | None) -> float | None:
    """How much more it is now."""
    return now - before if now is not None and before is not None else None
