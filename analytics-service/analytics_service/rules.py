"""Findings by rules: what is breached and by how much, what changed, why that may be, what to do first; pure."""

from datetime import UTC, datetime

from analytics_service.comparison import MIN_SAMPLE, Changes, changes_between, shifts
from analytics_service.facts import Facts
from analytics_service.observations import observations
from analytics_service.report import Finding, Findings, Severity
from shared.contracts.metrics import AggregatedMetrics, Status

WEIGHTS = {severity: weight for weight, severity in enumerate(Severity)}


def findings_by_rules(facts: Facts) -> Findings:
    """The whole report, useful without any model."""
    if facts.now.total_predictions == 0:
        return nothing_to_judge(facts)
    changes = changes_between(facts.now, facts.before)
    seen = sorted(observations(facts), key=lambda observation: WEIGHTS[observation.finding.severity], reverse=True)
    return Findings(
        summary=summary(facts, changes),
        identified_issues=[observation.finding for observation in seen],
        recommendations=list(dict.fromkeys(observation.advice for observation in seen)),
        root_cause_hypothesis=likely_cause(facts, changes),
        confidence_score=sureness(facts.now, changes),
    )


def nothing_to_judge(facts: Facts) -> Findings:
    """An empty window; worse when there was something before it."""
    before = facts.before.total_predictions if facts.before else 0
    stopped = before >= MIN_SAMPLE
    what = f"No predictions in {window(facts)}"
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


def likely_cause(facts: Facts, changes: Changes | None) -> str | None:
    """The story that the changes tell together; None when they tell none."""
    if changes is None:
        return None
    shifted = bool(shifts(facts.drift))
    if changes.slower and changes.busier:
        return "More traffic than prediction-service keeps up with: time and volume rose together."
    if changes.less_sure and shifted:
        return "The inputs have changed: they drifted while confidence fell."
    if changes.slower:
        return "Something slows prediction-service down that is not traffic: a slower model version, or a busy machine."
    if changes.less_sure:
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
    sentences = [f"{verdict} over {now.total_predictions} predictions{whose} in {window(facts)}."]
    if now.average_confidence is not None and now.p95_inference_time_ms is not None:
        sentences.append(
            f"Average confidence is {now.average_confidence:.3f}, "
            f"95 % of inferences take at most {now.p95_inference_time_ms:.1f} ms."
        )
    if facts.alerts and facts.alerts.alerts:
        oldest = min(alert.opened_at for alert in facts.alerts.alerts)
        sentences.append(f"Open alerts: {len(facts.alerts.alerts)}, the oldest since {moment(oldest)}.")
    if changes is None:
        sentences.append("There is not enough data to compare with the window before.")
    return " ".join(sentences)


def sureness(now: AggregatedMetrics, changes: Changes | None) -> float:
    """How far such numbers carry: more predictions and a window to compare with carry further."""
    if now.total_predictions < MIN_SAMPLE:
        return 0.3
    return 0.8 if changes is not None else 0.6


def window(facts: Facts) -> str:
    """`the last 60 minutes`, or until when, for a window that has passed."""
    length = f"{facts.minutes} minute{'' if facts.minutes == 1 else 's'}"
    end = facts.state.query.window_end
    return f"the {length} until {moment(end)}" if end else f"the last {length}"


def moment(instant: datetime) -> str:
    """A time as people read it."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
