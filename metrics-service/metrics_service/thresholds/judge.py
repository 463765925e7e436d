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
    """The limits of one quantity, at least one; `falling`: trouble is below them, not above.

    `best`: the value towards which a margin goes; None: 1 where trouble is below, as of shares, else 0.
    """

    warning: Limit | None
    critical: Limit | None
    falling: bool = False
    best: float | None = None

    def severity(self, measured: float, margin: float = 0.0) -> Status:
        """The verdict on a value; with a `margin` (a share of the way to the best value) limits are met earlier."""
        if self.critical is not None and self._is_beyond(self.critical, measured, margin):
            return Status.CRITICAL
        if self.warning is not None and self._is_beyond(self.warning, measured, margin):
            return Status.WARNING
        return Status.NORMAL

    def limit(self, severity: Status) -> Limit:
        """The limit that a severity is about; where there is none of it, the other one. Raises ValueError of none."""
        both = (self.critical, self.warning) if severity is Status.CRITICAL else (self.warning, self.critical)
        for limit in both:
            if limit is not None:
                return limit
        raise ValueError("there is no limit")

    def _is_beyond(self, limit: Limit, measured: float, margin: float) -> bool:
        """Whether a value is on the wrong side of a limit, or nearer to it than the margin."""
        best = self.best if self.best is not None else float(self.falling)
        room = margin * abs(best - limit.value)
        return measured < limit.value + room if self.falling else measured > limit.value - room


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


def value_limits(thresholds: Thresholds) -> list[Limits]:
    """What an average value is held against, from below and from above, as far as there is anything."""
    below = limits_of("min_value", thresholds, falling=True)
    return [limits for limits in (below, limits_of("max_value", thresholds)) if limits is not None]


def error_limits(thresholds: Thresholds) -> list[Limits]:
    """What a mean absolute error is held against, if there is anything."""
    limits = limits_of("max_mae", thresholds)
    return [limits] if limits is not None else []


def limits_of(name: str, thresholds: Thresholds, *, falling: bool = False) -> Limits | None:
    """The limits of this name; None: there is none."""
    warning, critical = (
        Limit(f"{name}_{severity}", value) if (value := getattr(thresholds, f"{name}_{severity}")) is not None else None
        for severity in ("warning", "critical")
    )
    return Limits(warning, critical, falling=falling, best=0.0) if warning or critical else None


def judge(
    average_confidence: float | None,
    p95_inference_time_ms: float | None,
    thresholds: Thresholds,
    average_value: float | None = None,
    mean_absolute_error: float | None = None,
) -> tuple[Status, list[Breach]]:
    """The status of a window, and for each value that is beyond a threshold the worst one; None is never beyond."""
    measured = (
        (average_confidence, confidence_limits(thresholds)),
        (p95_inference_time_ms, inference_time_limits(thresholds)),
        *((average_value, limits) for limits in value_limits(thresholds)),
        *((mean_absolute_error, limits) for limits in error_limits(thresholds)),
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
