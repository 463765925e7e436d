"""What the watch is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at, and how often."""

    interval_seconds: float
    window_minutes: int
    min_predictions: int
    drift_window_minutes: int
    drift_reference_minutes: int
    min_accuracy_warning: float = 0.7
    min_accuracy_critical: float = 0.5
