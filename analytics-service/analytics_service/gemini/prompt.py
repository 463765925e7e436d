"""Facts → what Gemini is asked; pure.

Only numbers and validated names go in, never a user's text, so nobody can talk to the model through this service.
"""

from typing import Any

import orjson

from analytics_service.contracts.question import HOUR_MINUTES
from analytics_service.metrics_client.facts import Facts
from analytics_service.truth.told import told_of

PROMPT_VERSION = 6
"""Grows with each change of the words or the schema: reports on another prompt are other reports."""

TASK = """\
You are the performance analyst of a machine-learning service. Explain the numbers below to the team that runs it.
They are aggregates of one window of {minutes} minutes and of the window of equal length before it, by version as well,
the changes and the drift between both, drift from a pinned baseline where there is one, accuracy where there is
feedback, alerts of the window, and the thresholds with what is breached. null means not known. Times are in
milliseconds, confidences from 0 to 1. values are those of regressions, in the unit of their model, and the norms of
embeddings; a prediction of a multilabel model has several labels or none.
by_chance says how often chance alone shows a change of this size when nothing has changed: below 0.001 a change is
certain, above 0.05 it is none. psi is the population stability index; chance_psi is what chance alone stays below in 95
of 100 comparisons. A status of not_enough_data means that drift cannot be judged: it is not good news. inputs are the
columns that a model is given, with the shares of them that are missing, or values that training did not know.
Judge only what the numbers show. Say so when there are too few predictions to judge. A change matters by what it does
to callers, not by its ratio: a time that stays far below its threshold is no issue. Feedback is mostly complaints: on
a small part of the predictions it says nothing about the others. Its accuracy is a share of what the judgements count
for, not of the judgements: no caller counts for more than a limit. Where sets of labels were judged, right is what has
all labels and no other, while confidence is that of the surest label: do not compare them. Feedback that is not
independent is one or two strangers' word and proves nothing: say whose it is. An alert with silenced_until is silenced
until then. rollouts are canaries: a candidate that gets a part of the requests beside the stable version, whose guards
compare both on the same traffic; say how the candidate does, or what it was rolled back for. versions_furthest_apart
has, of each model, the two versions beside each other that differ most in confidence, in value and in time. When a
version changed, tell its changes as those of the version. Use only numbers that are given or follow from them: a
sentence with others, or one that contradicts the status, the breaches or the drift, is struck out. Name issues by
short snake_case types. Order recommendations by urgency. Be brief: at most 5 issues and 5 recommendations, one or two
sentences each.
Answer with one JSON object of the given schema and nothing else.

{facts}
"""

TASK_OF_KEY = """\
You are the performance analyst of a machine-learning service. Explain to the team that runs it what one of its callers
got, beside all callers together (this one among them), over the same {hours} whole hours.
There are counts and averages, in all and by version, and nothing else: percentiles, labels, distributions, drift,
alerts, thresholds and what was before are not kept by caller. Say nothing of them, but that they are not known.
null means not known. Times are in milliseconds, confidences from 0 to 1. confidence_by_chance and time_by_chance say
how often chance alone takes a caller's average as far from that of all: below 0.001 the difference is certain, above
0.05 it is none.
Judge only what the numbers show. Say so when there are too few predictions to judge. Compare a version with the same
version over all callers, never a caller's whole with another mixture of versions. A difference matters by what it does
to the caller, not by its ratio: a few milliseconds are no issue. Use only numbers that are given or follow from them: a
sentence with others, one that turns a comparison around or one of what is not kept by caller is struck out. Name issues
by short snake_case types. Order recommendations by urgency. Be brief: at most 5 issues and 5 recommendations, one or
two sentences each.
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
    text = orjson.dumps(told_of(facts), option=orjson.OPT_INDENT_2).decode()
    if facts.all_callers is not None:
        return TASK_OF_KEY.format(hours=facts.minutes // HOUR_MINUTES, facts=text)
    return TASK.format(minutes=facts.minutes, facts=text)


def corrected(prompt: str, flaw: str) -> str:
    """The question again, with what was wrong with the completion."""
    return prompt + CORRECTION.format(flaw=flaw)


def shorter(prompt: str) -> str:
    """The question again, after a completion that was cut off."""
    return prompt + SHORTER
