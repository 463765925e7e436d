"""What an alert says to people: one headline and one sentence for every receiver; pure."""

from metrics_service.alerts import Alert, AlertEvent, EventType, Evidence, Signal
from shared.contracts.metrics import Status

SUBJECTS = {
    Signal.CONFIDENCE: "Confidence",
    Signal.INFERENCE_TIME: "Inference time",
    Signal.DRIFT: "Drift",
    Signal.TRAFFIC: "Traffic",
    Signal.ACCURACY: "Accuracy",
}

UNITS = {Signal.INFERENCE_TIME: " ms", Signal.TRAFFIC: " min without a prediction"}


def headline(alert: Alert) -> str:
    """What has happened, in some words."""
    subject = f"{SUBJECTS[alert.signal]} of {alert.model_name}"
    return f"{subject} has recovered" if alert.closed_at else f"{subject} is {alert.severity}"


def description(alert: Alert) -> str:
    """What was measured; of a closed alert also what had opened it."""
    now = measured(alert, latest(alert))
    if alert.closed_at is None:
        return f"{now}.{about(alert.about)}"
    opening = alert.opened_by
    was = f" It opened at {measured(alert, opening)}." if opening else ""
    if alert.closed_by is None:
        return f"It was {alert.severity}; the model has made no prediction for a day, so it is no longer watched.{was}"
    return f"It was {alert.severity}. Now {now}.{was}"


def latest(alert: Alert) -> Evidence:
    """The evidence for what the alert is now; of a closed one, for its end if there was a reading."""
    return alert.closed_by or Evidence(
        at=alert.changed_at,
        severity=alert.severity,
        threshold=alert.threshold,
        threshold_value=alert.threshold_value,
        measured_value=alert.measured_value,
    )


def measured(alert: Alert, evidence: Evidence) -> str:
    """`0.158, min_confidence_critical is 0.6`."""
    unit = UNITS.get(alert.signal, "")
    return f"{evidence.measured_value:.3g}{unit}, {evidence.threshold} is {evidence.threshold_value:.3g}"


def about(words: str) -> str:
    """The further words, as a sentence."""
    return f" {words[0].upper()}{words[1:]}." if words else ""


def mood(event: AlertEvent) -> Status:
    """How a message should look."""
    return Status.NORMAL if event.type is EventType.CLOSED else event.alert.severity
