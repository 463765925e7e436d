"""Facts → what Gemini is asked; pure.

Only numbers and validated names go in, never a user's text, so nobody can talk to the model through this service.
"""

import re
from typing import Any

import orjson

from analytics_service.comparison import Changes, changes_between
from analytics_service.facts import Facts, OpenAlerts
from shared.contracts.metrics import AggregatedMetrics, DriftReport

PROMPT_VERSION = 1
"""Grows with each change of the words or the schema: reports on another prompt are other reports."""

PLAIN_LABEL = re.compile(r"[\w .:/+-]{1,64}")
"""Labels come from model manifests; one that could carry a sentence is replaced by a number."""

TASK = """\
You are the performance analyst of a machine-learning service. Explain the numbers below to the team that runs it.
They are aggregates of one window of {minutes} minutes and of the window of equal length before it, the changes and the
drift between both, accuracy where there is feedback, open alerts, and the thresholds with what is breached. null means
not known. Times are in milliseconds, confidences from 0 to 1.
Judge only what the numbers show. Say so when there are too few predictions to judge. Name issues by short snake_case
types. Order recommendations by urgency. Be brief: at most 5 issues and 5 recommendations, one or two sentences each.
Answer with one JSON object of the given schema and nothing else.

{facts}
"""

CORRECTION = """
Your previous answer could not be used: {flaw}
Answer again, with one complete JSON object of the given schema and nothing else.
"""

SHORTER = """
Your previous answer did not fit. Answer again, with one complete JSON object of the given schema and nothing else: at
most 3 issues and 3 recommendations, one short sentence each.
"""

TEXT = {"type": "STRING"}
FINDINGS_SCHEMA: dict[str, Any] = {
    "type": "OBJECT",
    "properties": {
        "summary": TEXT,
        "identified_issues": {
            "type": "ARRAY",
            "items": {
                "type": "OBJECT",
                "properties": {
                    "issue_type": TEXT,
                    "severity": {"type": "STRING", "enum": ["low", "medium", "high", "critical"]},
                    "description": TEXT,
                },
                "required": ["issue_type", "severity", "description"],
            },
        },
        "recommendations": {"type": "ARRAY", "items": TEXT},
        "root_cause_hypothesis": {"type": "STRING", "nullable": True},
        "confidence_score": {"type": "NUMBER"},
    },
    "required": ["summary", "identified_issues", "recommendations", "confidence_score"],
}
"""`Findings` in the part of OpenAPI's schema language that Gemini understands."""


def prompt_of(facts: Facts) -> str:
    """The question to Gemini."""
    numbers = {
        "window": numbers_of(facts.now),
        "window_before": numbers_of(facts.before) if facts.before else None,
        "changes": changes_of(changes_between(facts.now, facts.before)),
        "drift_against_window_before": drift_of(facts.drift) if facts.drift else None,
        "accuracy_by_feedback": facts.quality.model_dump() if facts.quality else None,
        "open_alerts": alerts_of(facts.alerts) if facts.alerts else None,
        "status": facts.now.status,
        "breaches": [breach.model_dump() for breach in facts.now.breaches],
        "thresholds": facts.state.thresholds.model_dump(exclude={"updated_at", "model_name", "version"}),
        "model": facts.now.model_name,
        "task": facts.now.task_type,
    }
    text = orjson.dumps(numbers, option=orjson.OPT_INDENT_2).decode()
    return TASK.format(minutes=facts.minutes, facts=text)


def corrected(prompt: str, flaw: str) -> str:
    """The question again, with what was wrong with the answer."""
    return prompt + CORRECTION.format(flaw=flaw)


def shorter(prompt: str) -> str:
    """The question again, after an answer that was cut off."""
    return prompt + SHORTER


def numbers_of(metrics: AggregatedMetrics) -> dict[str, Any]:
    """The numbers of one window."""
    plain = metrics.model_dump(exclude={"label_distribution", "breaches", "status", "model_name", "task_type"})
    return plain | {"label_distribution": plain_labels(metrics.label_distribution)}


def changes_of(changes: Changes | None) -> dict[str, float | None] | None:
    """The changes between the windows, by name."""
    if changes is None:
        return None
    return {
        "predictions_ratio": changes.volume_ratio,
        "average_confidence_difference": changes.confidence_difference,
        "p95_inference_time_ratio": changes.p95_ratio,
    }


def drift_of(drift: DriftReport) -> dict[str, Any]:
    """How far apart the distributions of both windows are, by property; the bins themselves are left out."""
    return {measure.name: measure.model_dump(include={"status", "psi", "js_distance"}) for measure in drift.measures}


def alerts_of(open_alerts: OpenAlerts) -> list[dict[str, Any]]:
    """The open alerts, whose names were validated as those of models are."""
    return [alert.model_dump() for alert in open_alerts.alerts if PLAIN_LABEL.fullmatch(alert.model_name)]


def plain_labels(counts: dict[str, int]) -> dict[str, int]:
    """The distribution with every label that is no plain name replaced by its place in the alphabet."""
    return {
        label if PLAIN_LABEL.fullmatch(label) else f"label_{place}": counts[label]
        for place, label in enumerate(sorted(counts))
    }
