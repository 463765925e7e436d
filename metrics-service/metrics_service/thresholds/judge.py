"""What thresholds say about measured values; pure."""

from collections.abc import Iterator

from shared.contracts.metrics import Breach, Status, Thresholds

CRITICAL_SUFFIXES = ("_critical", "_critical_ms")


def judge(
    average_confidence: float | None, p95_inference_time_ms: float | None, thresholds: Thresholds
) -> tuple[Status, list[Breach]]:
    """The worst verdict, and for each measured value the worst threshold it is beyond; None is never beyond."""
    breaches = [*low_confidence(average_confidence, thresholds), *slow_inference(p95_inference_time_ms, thresholds)]
    if any(breach.threshold.endswith(CRITICAL_SUFFIXES) for breach in breaches):
        return Status.CRITICAL, breaches
    return (Status.WARNING if breaches else Status.NORMAL), breaches


def low_confidence(measured: float | None, thresholds: Thresholds) -> Iterator[Breach]:
    """At most one breach: confidence on average below critical, or else below warning."""
    if measured is None:
        return
    for name in ("min_confidence_critical", "min_confidence_warning"):
        if measured < (value := getattr(thresholds, name)):
            yield Breach(threshold=name, threshold_value=value, measured_value=measured)
            return


def slow_inference(measured: float | None, thresholds: Thresholds) -> Iterator[Breach]:
    """At most one breach: the 95th percentile above critical, or else above warning."""
    if measured is None:
        return
    for name in ("max_inference_time_critical_ms", "max_inference_time_warning_ms"):
        if measured > (value := getattr(thresholds, name)):
            yield Breach(threshold=name, threshold_value=value, measured_value=measured)
            return
