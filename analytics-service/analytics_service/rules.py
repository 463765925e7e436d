"""Findings by rules: what is breached and by how much, what changed, why that may be, what to do first; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics_service.comparison import MIN_SAMPLE, Changes, changes_between
from analytics_service.facts import Facts, Quality
from analytics_service.report import Finding, Findings, Severity
from shared.contracts.metrics import AggregatedMetrics, Breach, DriftMeasure, DriftReport, DriftStatus, Status

CONFIDENCE_DROP = 0.05
"""A fall of average confidence worth a word; chance moves it less once there are MIN_SAMPLE predictions."""

SLOWER, MUCH_SLOWER = 1.25, 2.0
"""95th percentile in units of the window before."""

FEWER, MORE = 0.5, 2.0
"""Number of predictions in units of the window before."""

OVERCONFIDENT = 0.1
"""How much the average confidence may exceed the accuracy that feedback shows."""

PROPERTY = {"label": "labels", "confidence": "confidence", "input_length": "input lengths"}

LONG_TAIL = 5.0
"""99th percentile in units of the median."""

ONE_SIDED = 0.95
"""Share of the most frequent label."""

WEIGHTS = {severity: weight for weight, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Observation:
    """An issue, and what to do about it."""

    finding: Finding
    advice: str


def findings_by_rules(facts: Facts) -> Findings:
    """The whole report, useful without any model."""
    if facts.now.total_predictions == 0:
        return nothing_to_judge(facts)
    changes = changes_between(facts.now, facts.before)
    observations = [
        *breached(facts.now),
        *overconfident(facts.now, facts.quality),
        *drifted(facts.drift),
        *changed(changes),
        *shape(facts.now),
        *too_few(facts.now),
    ]
    observations.sort(key=lambda observation: WEIGHTS[observation.finding.severity], reverse=True)
    return Findings(
        summary=summary(facts, changes),
        identified_issues=[observation.finding for observation in observations],
        recommendations=list(dict.fromkeys(observation.advice for observation in observations)),
        root_cause_hypothesis=likely_cause(facts, changes),
        confidence_score=sureness(facts.now, changes),
    )


def observe(issue_type: str, severity: Severity, description: str, advice: str) -> Observation:
    """One observation."""
    return Observation(Finding(issue_type=issue_type, severity=severity, description=description), advice)


def nothing_to_judge(facts: Facts) -> Findings:
    """An empty window; worse when there was something before it."""
    before = facts.before.total_predictions if facts.before else 0
    stopped = before >= MIN_SAMPLE
    what = f"No predictions in the last {minutes(facts.minutes)}"
    return Findings(
        summary=f"{what}, after {before} in the window before: not enough data to judge, and traffic has stopped."
        if stopped
        else f"{what}: not enough data to judge.",
        identified_issues=[
            Finding(
                issue_type="traffic_stopped" if stopped else "not_enough_data",
                severity=Severity.HIGH if stopped else Severity.LOW,
                description=f"{what}; {before} in the window before.",
            )
        ],
        recommendations=["Check that callers still reach the gateway, and that /health says ok."]
        if stopped
        else ["Send predictions, or ask about a longer window."],
        confidence_score=0.6 if stopped else 0.2,
    )


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
    yield from changed_confidence(changes.confidence_difference)
    yield from changed_time(changes.p95_ratio)
    yield from changed_volume(changes.volume_ratio)


def changed_confidence(difference: float | None) -> Iterator[Observation]:
    """Confidence that falls."""
    if difference is not None and difference <= -CONFIDENCE_DROP:
        yield observe(
            "confidence_falling",
            Severity.HIGH if difference <= -2 * CONFIDENCE_DROP else Severity.MEDIUM,
            f"Average confidence fell by {-difference:.3f} against the window before.",
            "Compare recent inputs with those of the window before, and check whether a model version changed.",
        )


def changed_time(ratio: float | None) -> Iterator[Observation]:
    """Inference that takes longer."""
    if ratio is not None and ratio >= SLOWER:
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


def shifts(drift: DriftReport | None) -> list[DriftMeasure]:
    """The properties that have shifted."""
    shifted = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)
    return [measure for measure in drift.measures if measure.status in shifted] if drift else []


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


def changed_volume(ratio: float | None) -> Iterator[Observation]:
    """Much more or much less traffic."""
    if ratio is not None and not FEWER < ratio < MORE:
        yield observe(
            "traffic_surge" if ratio >= MORE else "traffic_drop",
            Severity.MEDIUM if ratio < FEWER else Severity.LOW,
            f"{ratio:.2g} times the predictions of the window before.",
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


def likely_cause(facts: Facts, changes: Changes | None) -> str | None:
    """The story that the changes tell together; None when they tell none."""
    if changes is None:
        return None
    slower = changes.p95_ratio is not None and changes.p95_ratio >= SLOWER
    busier = changes.volume_ratio is not None and changes.volume_ratio >= MORE
    unsure = changes.confidence_difference is not None and changes.confidence_difference <= -CONFIDENCE_DROP
    shifted = bool(shifts(facts.drift))
    if slower and busier:
        return "More traffic than prediction-service keeps up with: time and volume rose together."
    if unsure and shifted:
        return "The inputs have changed: they drifted while confidence fell."
    if slower:
        return "Something slows prediction-service down that is not traffic: a slower model version, or a busy machine."
    if unsure:
        return "Inputs are harder than before, or a new model version is less sure: there is no drift."
    if shifted:
        return "Callers send other inputs than before; the model is as sure of them as of the earlier ones."
    return "The state is not new: the window before looks the same." if facts.now.breaches else None


def summary(facts: Facts, changes: Changes | None) -> str:
    """The whole in a few sentences."""
    now = facts.now
    verdict = {
        Status.NORMAL: "Normal: no threshold is breached",
        Status.WARNING: "Warning: a threshold is breached",
        Status.CRITICAL: "Critical: a critical threshold is breached",
    }[now.status]
    whose = f" of {now.model_name}" if now.model_name else ""
    sentences = [f"{verdict} over {now.total_predictions} predictions{whose} in the last {minutes(facts.minutes)}."]
    if now.average_confidence is not None and now.p95_inference_time_ms is not None:
        sentences.append(
            f"Average confidence is {now.average_confidence:.3f}, "
            f"95 % of inferences take at most {now.p95_inference_time_ms:.1f} ms."
        )
    if facts.alerts and facts.alerts.alerts:
        oldest = min(alert.opened_at for alert in facts.alerts.alerts)
        sentences.append(f"Open alerts: {len(facts.alerts.alerts)}, the oldest since {oldest:%Y-%m-%d %H:%M} UTC.")
    if changes is None:
        sentences.append("There is not enough data to compare with the window before.")
    return " ".join(sentences)


def sureness(now: AggregatedMetrics, changes: Changes | None) -> float:
    """How far such numbers carry: more predictions and a window to compare with carry further."""
    if now.total_predictions < MIN_SAMPLE:
        return 0.3
    return 0.8 if changes is not None else 0.6


def beyond(breach: Breach) -> str:
    """How far a value is beyond its threshold."""
    return f"{abs(breach.measured_value - breach.threshold_value) / breach.threshold_value:.0%}"


def threshold(breach: Breach) -> str:
    """The name and value of a threshold."""
    return f"{breach.threshold} ({breach.threshold_value:g})"


def minutes(count: int) -> str:
    """`60 minutes`, `1 minute`."""
    return f"{count} minute{'' if count == 1 else 's'}"
