"""What is compared of one side: its numbers, and how they are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass

from metrics_service.feedback.contracts import Quality
from metrics_service.windows.aggregates import Aggregates
from metrics_service.windows.shapes import CONFIDENCE_STEPS, Shapes


@dataclass(frozen=True, slots=True)
class Sample:
    """The predictions of one side. `times`: predictions per logarithmic bin of inference time."""

    metrics: Aggregates
    times: Mapping[int, int]
    shapes: Shapes
    quality: Quality
    minutes: float

    @property
    def per_minute(self) -> float:
        """How many predictions there were in a minute, on average."""
        return self.metrics.total_predictions / self.minutes


def confidence_of(confidence_bin: int) -> float:
    """The middle of a bin of confidence."""
    return (confidence_bin + 0.5) / CONFIDENCE_STEPS


CONFIDENCE_HALF_BIN = 0.5 / CONFIDENCE_STEPS
"""By how much a confidence is off the middle of its bin at most."""
