"""What an alert says to people: one headline and one sentence for every receiver; pure."""

from metrics_service.alerts.alert import Alert, AlertEvent, Ending, EventType, Evidence, Signal
from shared.contracts.thresholds import Status

SUBJECTS = {
    Signal.CONFIDENCE: "Confidence",
    Signal.INFERENCE_TIME: "Inference time",
    Signal.DRIFT: "Drift",
    Signal.TRAFFIC: "Traffic",
    Signal.ACCURACY: "Accuracy",
    Signal.VALUE: "Average value",
    Signal.ERROR: "Error",
    Signal.ROLLOUT: "Rollout",
}

QUANTITIES = {
    "min_confidence": "an average confidence of {:.3g}",
    "max_inference_time": "a 95th percentile of {:.3g} ms",
    "psi": "a PSI of {:.3g} beyond chance",
    "quiet_minutes": "{:.3g} min without a prediction",
    "min_accuracy": "an accuracy of at most {:.3g}",
    "accuracy_drop": "a drop of {:.3g}",
    "min_value": "an average value of {:.6g}",
    "max_value": "an average value of {:.6g}",
    "max_mae": "a mean absolute error of {:.6g}",
    "guard_": "evidence of {:,.3g} to 1",
}
"""What is held against a threshold whose name begins so; one alert may open by one quantity and close by another."""

WITH_UNITS = ("min_value", "max_value", "max_mae")
"""Thresholds of any size, such as prices: with more digits than shares and times."""

ENDINGS = {
    Ending.RECOVERED: "has recovered",
    Ending.NO_LONGER_WATCHED: "is no longer watched; it has not recovered",
    None: "is closed",
}


def headline(alert: Alert) -> str:
    """What has happened, in some words."""
    subject = f"{SUBJECTS[alert.signal]} of {alert.model_name}"
    if alert.signal is Signal.ROLLOUT and alert.ending is not Ending.NO_LONGER_WATCHED:
        return f"{subject}: the candidate was rolled back{', which is no longer news' if alert.closed_at else ''}"
    return f"{subject} {ENDINGS[alert.ending]}" if alert.closed_at else f"{subject} is {alert.severity}"


def description(alert: Alert) -> str:
    """What was measured; of a closed alert also what had opened it."""
    if alert.closed_at is None:
        return f"{measured(alert.evidence)}.{about(alert.about)}"
    opening = alert.opened_by
    was = f" It opened at {detailed(opening)}." if opening else ""
    if alert.closed_by is None:
        return f"It was {alert.severity}; the model has made no prediction for a day, so it is no longer watched.{was}"
    return f"It was {alert.severity}. Now {detailed(alert.closed_by)}.{was}"


def measured(evidence: Evidence) -> str:
    """`an average confidence of 0.158, min_confidence_critical is 0.6`."""
    return f"{quantity(evidence)}, {limit(evidence)}"


def detailed(evidence: Evidence) -> str:
    """The same with what exactly was measured: `a drop of 0.1 (share of … from 0.9 to 0.8), …`."""
    more = f" ({evidence.about})" if evidence.about else ""
    return f"{quantity(evidence)}{more}, {limit(evidence)}"


def quantity(evidence: Evidence) -> str:
    """What was measured, by its name."""
    named = (words for prefix, words in QUANTITIES.items() if evidence.threshold.startswith(prefix))
    return next(named, "{:.3g}").format(evidence.measured_value)


def limit(evidence: Evidence) -> str:
    """What it was held against."""
    digits = 6 if evidence.threshold.startswith(WITH_UNITS) else 3
    return f"{evidence.threshold} is {evidence.threshold_value:.{digits}g}"


def about(words: str) -> str:
    """The further words, as a sentence."""
    return f" {words[0].upper()}{words[1:]}." if words else ""


def mood(event: AlertEvent) -> Status | None:
    """How a message should look; None: neither well nor worse, as nobody looks any more."""
    if event.type is not EventType.CLOSED:
        return event.alert.severity
    return Status.NORMAL if event.alert.ending is Ending.RECOVERED else None
