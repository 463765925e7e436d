"""Facts → what Gemini is asked; pure.

Only numbers and validated names go in, never a user's text, so nobody can talk to the model through this service.
"""

import re
from typing import Any

import orjson

from analytics_service.metrics_client.facts import Facts, SeenAlerts
from analytics_service.rules.certainty import counts_by_chance
from analytics_service.rules.confidence import confidence_by_chance
from analytics_service.rules.speed import slower_by_chance
from analytics_service.rules.windows import comparable
from shared.contracts.metrics import AggregatedMetrics, DriftReport

PROMPT_VERSION = 3
"""Grows with each change of the words or the schema: reports on another prompt are other reports."""

PLAIN_LABEL = re.compile(r"[\w .:/+-]{1,64}")
"""Labels come from model manifests; one that could carry a sentence is replaced by a number."""

TASK = """\
You are the performance analyst of a machine-learning service. Explain the numbers below to the team that runs it.
They are aggregates of one window of {minutes} minutes and of the window of equal length before it, by version as well,
the changes and the drift between both, drift from a pinned baseline where there is one, accuracy where there is
feedback, alerts of the window, and the thresholds with what is breached. null means not known. Times are in
milliseconds, confidences from 0 to 1.
by_chance says how often chance alone shows a change of this size when nothing has changed: below 0.001 a change is
certain, above 0.05 it is none. psi is the population stability index; chance_psi is what chance alone stays below in 95
of 100 comparisons. A status of not_enough_data means that drift cannot be judged: it is not good news.
Judge only what the numbers show. Say so when there are too few predictions to judge. A change matters by what it does
to callers, not by its ratio: a time that stays far below its threshold is no issue. Feedback is mostly complaints: on
a small part of the predictions it says nothing about the others. Its accuracy is a share of what the judgements count
for, not of the judgements: no caller counts for more than a limit. Feedback that is not independent is one or two
strangers' word and proves nothing: say whose it is. An alert with silenced_until is silenced until then. When a
version changed, tell its changes as those of the version. Use only numbers that are given or follow from them: a
sentence with others, or one that contradicts the status, the breaches or the drift, is struck out. Name issues by
short snake_case types. Order recommendations by urgency. Be brief: at most 5 issues and 5 recommendations, one or two
sentences each.
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

VERSIONS_TOLD, ALERTS_TOLD = 20, 20
"""More would only cost tokens: those with the most predictions, and the newest."""

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
    text = orjson.dumps(told_of(facts), option=orjson.OPT_INDENT_2).decode()
    return TASK.format(minutes=facts.minutes, facts=text)


def told_of(facts: Facts) -> Any:
    """What Gemini is told."""
    numbers = {
        "window": numbers_of(facts.now),
        "window_before": numbers_of(facts.before) if facts.before else None,
        "changes": changes_of(facts),
        "drift_against_window_before": drift_of(facts.drift) if facts.drift else None,
        "drift_against_baseline": baseline_of(facts.pinned) if facts.pinned else None,
        "feedback": feedback_of(facts) if facts.quality else None,
        "alerts": alerts_of(facts.alerts) if facts.alerts else None,
        "status": facts.now.status,
        "breaches": [breach.model_dump() for breach in facts.now.breaches],
        "thresholds": facts.state.thresholds.model_dump(exclude={"updated_at", "model_name", "version"}),
        "model": facts.now.model_name,
        "task": facts.now.task_type,
    }
    return rounded(numbers)


def rounded(value: Any) -> Any:
    """The same with four significant digits: more only cost tokens."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def corrected(prompt: str, flaw: str) -> str:
    """The question again, with what was wrong with the answer."""
    return prompt + CORRECTION.format(flaw=flaw)


def shorter(prompt: str) -> str:
    """The question again, after an answer that was cut off."""
    return prompt + SHORTER


def numbers_of(metrics: AggregatedMetrics) -> dict[str, Any]:
    """The numbers of one window."""
    told_elsewhere = {"label_distribution", "versions", "breaches", "status", "model_name", "task_type"}
    plain = metrics.model_dump(exclude=told_elsewhere)
    versions = [
        version.model_dump(exclude={"label_distribution"}) | {"labels": plain_labels(version.label_distribution)}
        for version in metrics.versions[:VERSIONS_TOLD]
    ]
    return plain | {"label_distribution": plain_labels(metrics.label_distribution), "versions": versions}


def changes_of(facts: Facts) -> dict[str, Any] | None:
    """What changed between the windows, and how often chance alone does that; None: they cannot be compared."""
    before, now = comparable(facts), facts.now
    if before is None:
        return None
    return {
        "predictions": {
            "before": before.total_predictions,
            "now": now.total_predictions,
            "by_chance": counts_by_chance(before.total_predictions, now.total_predictions),
        },
        "average_confidence": {
            "before": before.average_confidence,
            "now": now.average_confidence,
            "by_chance": confidence_by_chance(facts, before),
        },
        "p95_inference_time_ms": {
            "before": before.p95_inference_time_ms,
            "now": now.p95_inference_time_ms,
            "slower_by_chance": slower_by_chance(before, now),
        },
    }


def drift_of(drift: DriftReport) -> dict[str, Any]:
    """How far apart the distributions of both windows are, by property; the bins themselves are left out."""
    told = {"status", "psi", "chance_psi", "p_value"}
    return {measure.name: measure.model_dump(include=told) for measure in drift.measures}


def baseline_of(pinned: DriftReport) -> dict[str, Any]:
    """The same against the pinned baseline, and which one it is."""
    return {"baseline": pinned.baseline, "predictions_in_it": pinned.reference_sample_size} | drift_of(pinned)


def feedback_of(facts: Facts) -> dict[str, Any]:
    """What feedback says, on which part of the predictions, and whose word it is."""
    known, total = facts.quality, facts.now.total_predictions
    if known is None:
        return {}
    return {
        "predictions_judged": known.feedback_count,
        "share_of_predictions_judged": known.feedback_count / total if total else None,
        "judgements_count_for": known.counts_for,
        "share_right_of_what_they_count_for": known.accuracy,
        "callers_who_judged": known.callers,
        "is_independent": known.is_independent,
    }


def alerts_of(seen: SeenAlerts) -> list[dict[str, Any]]:
    """The newest alerts, whose names were validated as those of models are."""
    named = [alert for alert in seen.alerts if PLAIN_LABEL.fullmatch(alert.model_name)]
    return [alert.model_dump(exclude={"history"}) for alert in named[:ALERTS_TOLD]]


def plain_labels(counts: dict[str, int]) -> dict[str, int]:
    """The distribution with every label that is no plain name replaced by its place in the alphabet."""
    return {
        label if PLAIN_LABEL.fullmatch(label) else f"label_{place}": counts[label]
        for place, label in enumerate(sorted(counts))
    }
