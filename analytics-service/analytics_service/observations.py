"""What the rules see in the numbers, one kind of trouble after the other; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics_service.comparison import MIN_SAMPLE, Changes, changes_between, shifts
from analytics_service.facts import Facts, Quality
from analytics_service.report import Finding, Severity
from shared.contracts.metrics import AggregatedMetrics, Breach, DriftReport, DriftStatus

MUCH_LESS_SURE = 0.1
"""A fall of average confidence that is more than worth a word."""

MUCH_SLOWER = 2.0
"""95th percentile in units of the window before."""

OVERCONFIDENT = 0.1
"""How much the average confidence may exceed the accuracy that feedback shows."""

LONG_TAIL = 5.0
"""99th percentile in units of the median."""

ONE_SIDED = 0.95
"""Share of the most frequent label."""

PROPERTY = {"label": "labels", "confidence": "confidence", "input_length": "input lengths"}


@dataclass(frozen=True, slots=True)
class Observation:
    """An issue, and what to do about it."""

    finding: Finding
    advice: str


def observe(issue_type: str, severity: Severity, description: str, advice: str) -> Observation:
    """One observation."""
    return Observation(Finding(issue_type=issue_type, severity=severity, description=description), advice)


def observations(facts: Facts) -> list[Observation]:
    """Everything that there is to see, in no order."""
    changes = changes_between(facts.now, facts.before)
    return [
        *breached(facts.now),
        *overconfident(facts.now, facts.quality),
        *drifted(facts.drift),
        *changed(changes),
        *shape(facts.now),
        *too_few(facts.now),
    ]


def breached(now: AggregatedMetrics) -> Iterator[Observation]:
    """One observation for each threshold that is breached."""
    for breach in now.breaches:
        severity = Severity.CRITICAL if "critical" in breach.threshold else Severity.HIGH
        if breach.threshold.startswith("min_confidence"):
            yield observe(
                "low_confidence",
                severity,
                f"Average confidence {breach.measured_value:.3f} is {beyond(breach)} below {threshold(breach)}.",
                "Look at recent inputs: are they of the kind that the model was trained on?",
            )
        else:
            yield observe(
                "slow_inference",
                severity,
                f"95th percentile of inference time, {breach.measured_value:.1f} ms, is {beyond(breach)} above "
                f"{threshold(breach)}.",
                "Give prediction-service more CPU or another replica, or serve a smaller model.",
            )


def changed(changes: Changes | None) -> Iterator[Observation]:
    """What is otherwise than in the window before."""
    if changes is None:
        return
    yield from changed_confidence(changes)
    yield from changed_time(changes)
    yield from changed_volume(changes)


def changed_confidence(changes: Changes) -> Iterator[Observation]:
    """Confidence that falls."""
    if changes.less_sure:
        fall = -(changes.confidence_difference or 0)
        yield observe(
            "confidence_falling",
            Severity.HIGH if fall >= MUCH_LESS_SURE else Severity.MEDIUM,
            f"Average confidence fell by {fall:.3f} against the window before.",
            "Compare recent inputs with those of the window before, and check whether a model version changed.",
        )


def changed_time(changes: Changes) -> Iterator[Observation]:
    """Inference that takes longer."""
    if changes.slower:
        ratio = changes.p95_ratio or 0
        yield observe(
            "inference_slowing",
            Severity.HIGH if ratio >= MUCH_SLOWER else Severity.MEDIUM,
            f"95th percentile of inference time is {ratio:.1f} times that of the window before.",
            "Check load and CPU of prediction-service over this window.",
        )


def drifted(drift: DriftReport | None) -> Iterator[Observation]:
    """Properties of the predictions that are distributed otherwise than in the window before."""
    for measure in shifts(drift):
        strong = measure.status is DriftStatus.SIGNIFICANT
        yield observe(
            f"{measure.name}_drift",
            Severity.HIGH if strong else Severity.MEDIUM,
            f"The distribution of {PROPERTY[measure.name]} is {'another' if strong else 'not quite the same'} than in "
            f"the window before (population stability index {measure.psi or 0:.2f}).",
            "Find out whether callers or their inputs changed; if they did for good, evaluate the model on them.",
        )


def overconfident(now: AggregatedMetrics, quality: Quality | None) -> Iterator[Observation]:
    """A model that is surer than it is right, as far as there is feedback."""
    if quality is None or quality.accuracy is None or quality.feedback_count < MIN_SAMPLE:
        return
    if now.average_confidence is not None and quality.accuracy <= now.average_confidence - OVERCONFIDENT:
        yield observe(
            "overconfident",
            Severity.HIGH,
            f"By the feedback on {quality.feedback_count} predictions {quality.accuracy:.0%} are right, while the "
            f"average confidence is {now.average_confidence:.0%}.",
            "Calibrate the model on the feedback, or train it again with it.",
        )


def changed_volume(changes: Changes) -> Iterator[Observation]:
    """Much more or much less traffic."""
    if changes.busier or changes.quieter:
        yield observe(
            "traffic_surge" if changes.busier else "traffic_drop",
            Severity.MEDIUM if changes.quieter else Severity.LOW,
            f"{changes.volume_ratio:.2g} times the predictions of the window before.",
            "Check that the change of traffic is wanted.",
        )


def shape(now: AggregatedMetrics) -> Iterator[Observation]:
    """What is odd about the window by itself."""
    if now.total_predictions < MIN_SAMPLE:
        return
    label, count = max(now.label_distribution.items(), key=lambda item: item[1], default=("", 0))
    if count >= ONE_SIDED * now.total_predictions:
        yield observe(
            "one_sided_labels",
            Severity.LOW,
            f"{count / now.total_predictions:.0%} of the predictions say `{label}`.",
            "Check a sample by hand: a model that says one thing to nearly everything may be broken.",
        )
    median, p99 = now.p50_inference_time_ms, now.p99_inference_time_ms
    if median and p99 and p99 >= LONG_TAIL * median:
        yield observe(
            "long_tail",
            Severity.LOW,
            f"99th percentile of inference time, {p99:.1f} ms, is {p99 / median:.0f} times the median.",
            "Look for very long inputs or bursts that queue.",
        )


def too_few(now: AggregatedMetrics) -> Iterator[Observation]:
    """Numbers that chance may have made."""
    if now.total_predictions < MIN_SAMPLE:
        yield observe(
            "not_enough_data",
            Severity.LOW,
            f"{now.total_predictions} predictions are too few to judge by (fewer than {MIN_SAMPLE}).",
            "Ask about a longer window, or wait for more predictions.",
        )


def beyond(breach: Breach) -> str:
    """How far a value is beyond its threshold."""
    return f"{abs(breach.measured_value - breach.threshold_value) / breach.threshold_value:.0%}"


def threshold(breach: Breach) -> str:
    """The name and value of a threshold."""
    return f"{breach.threshold} ({breach.threshold_value:g})"
