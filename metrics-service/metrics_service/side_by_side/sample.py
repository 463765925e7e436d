"""What is compared of one side: its numbers, and how they are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metrics_service.feedback.contracts import Quality
from metrics_service.windows.aggregates import Aggregates
from metrics_service.windows.shapes import CONFIDENCE_STEPS, Shapes
from shared.contracts.values import ErrorFigures


@dataclass(frozen=True, slots=True)
class Sample:
    """The predictions of one side. `times`: predictions per logarithmic bin of inference time.

    `error_bins`: judged values per logarithmic bin of their error, where the word came with the admin token.
    """

    metrics: Aggregates
    times: Mapping[int, int]
    shapes: Shapes
    quality: Quality
    minutes: float
    error_bins: Mapping[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> ErrorFigures | None:
        """How far values were off by the word of those with the admin token; None: nobody with it judged any."""
        return self.quality.errors.trusted if self.quality.errors else None

    @property
    def per_minute(self) -> float:
        """How many predictions there were in a minute, on average."""
        return self.metrics.total_predictions / self.minutes


def confidence_of(confidence_bin: int) -> float:
    """The middle of a bin of confidence."""
    return (confidence_bin + 0.5) / CONFIDENCE_STEPS


CONFIDENCE_HALF_BIN = 0.5 / CONFIDENCE_STEPS
"""By how much a confidence is off the middle of its bin at most."""
