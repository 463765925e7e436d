"""A measured value against a warning and a critical limit: decided here alone, for statuses and for alerts; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.contracts.thresholds import Breach, Status, Thresholds

SEVERITIES = (Status.NORMAL, Status.WARNING, Status.CRITICAL)
"""From best to worst."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold by its name."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The two limits of one quantity; `falling`: trouble is below them, not above."""

    warning: Limit
    critical: Limit
    falling: bool = False

    def severity(self, measured: float, margin: float = 0.0) -> Status:
        """The verdict on a value; with a `margin` (a share of the way to the best value) limits are met earlier."""
        if self._is_beyond(self.critical, measured, margin):
            return Status.CRITICAL
        return Status.WARNING if self._is_beyond(self.warning, measured, margin) else Status.NORMAL

    def limit(self, severity: Status) -> Limit:
        """The limit that a severity is about."""
        return self.critical if severity is Status.CRITICAL else self.warning

    def _is_beyond(self, limit: Limit, measured: float, margin: float) -> bool:
        """Whether a value is on the wrong side of a limit: the best share is 1, the best time or distance is 0."""
        if self.falling:
            return measured < limit.value + margin * (1 - limit.value)
        return measured > limit.value * (1 - margin)


def confidence_limits(thresholds: Thresholds) -> Limits:
    """What an average confidence is held against."""
    return Limits(
        Limit("min_confidence_warning", thresholds.min_confidence_warning),
        Limit("min_confidence_critical", thresholds.min_confidence_critical),
        falling=True,
    )


def inference_time_limits(thresholds: Thresholds) -> Limits:
    """What the 95th percentile of inference times, in milliseconds, is held against."""
    return Limits(
        Limit("max_inference_time_warning_ms", thresholds.max_inference_time_warning_ms),
        Limit("max_inference_time_critical_ms", thresholds.max_inference_time_critical_ms),
    )


def judge(
    average_confidence: float | None, p95_inference_time_ms: float | None, thresholds: Thresholds
) -> tuple[Status, list[Breach]]:
    """The status of a window, and for each value that is beyond a threshold the worst one; None is never beyond."""
    measured = (
        (average_confidence, confidence_limits(thresholds)),
        (p95_inference_time_ms, inference_time_limits(thresholds)),
    )
    breaches = [breach for value, limits in measured if value is not None for breach in _breach(value, limits)]
    worst = max((severity for severity, _ in breaches), key=SEVERITIES.index, default=Status.NORMAL)
    return worst, [breach for _, breach in breaches]


def _breach(measured: float, limits: Limits) -> Iterator[tuple[Status, Breach]]:
    """At most one: the worst limit that the value is beyond, with its severity."""
    severity = limits.severity(measured)
    if severity is not Status.NORMAL:
        limit = limits.limit(severity)
        yield severity, Breach(threshold=limit.name, threshold_value=limit.value, measured_value=measured)
