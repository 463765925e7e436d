"""What changed between a window and the one before it; pure."""

from dataclasses import dataclass

from shared.contracts.metrics import AggregatedMetrics, DriftMeasure, DriftReport, DriftStatus

MIN_SAMPLE = 30
"""Predictions that a window needs before its averages are compared: below, chance moves them more than causes do."""


CONFIDENCE_DROP = 0.05
"""A fall of average confidence worth a word; chance moves it less once there are MIN_SAMPLE predictions."""

SLOWER = 1.25
"""95th percentile in units of the window before."""

FEWER, MORE = 0.5, 2.0
"""Number of predictions in units of the window before."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Now against before; None where either side has no number."""

    volume_ratio: float | None
    confidence_difference: float | None
    p95_ratio: float | None

    @property
    def less_sure(self) -> bool:
        """Whether confidence fell."""
        return self.confidence_difference is not None and self.confidence_difference <= -CONFIDENCE_DROP

    @property
    def slower(self) -> bool:
        """Whether inference takes longer."""
        return self.p95_ratio is not None and self.p95_ratio >= SLOWER

    @property
    def busier(self) -> bool:
        """Whether there are many more predictions."""
        return self.volume_ratio is not None and self.volume_ratio >= MORE

    @property
    def quieter(self) -> bool:
        """Whether there are far fewer predictions."""
        return self.volume_ratio is not None and self.volume_ratio <= FEWER


def shifts(drift: DriftReport | None) -> list[DriftMeasure]:
    """The properties of the predictions that are distributed otherwise than before."""
    shifted = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)
    return [measure for measure in drift.measures if measure.status in shifted] if drift else []


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
