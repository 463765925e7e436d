"""Question and state → the key under which a report is found; pure.

The counts themselves are no part of it: under live traffic they change with every prediction and nothing would ever
hit. What must never be answered stale is: the status, and which thresholds gave it.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from analytics_service.metrics_client.facts import State
from shared.contracts.metrics import MetricsQuery

REPORT_PREFIX, FENCE_PREFIX = "analysis:report:", "analysis:fence:"


@dataclass(frozen=True, slots=True)
class ReportKey:
    """Names everything that Redis holds about one report.

    Braces mark the part that chooses the hash slot of a Redis cluster: all keys of a question share one, so that one
    script may touch them together.
    """

    question: str
    """SHA-256 of the question alone."""
    digest: str
    """SHA-256 of the question and the state."""

    @property
    def report(self) -> str:
        """The cached report."""
        return f"{REPORT_PREFIX}{{{self.question}}}:{self.digest}"

    @property
    def lock(self) -> str:
        """Who is making the report."""
        return f"analysis:lock:{{{self.question}}}:{self.digest}"

    @property
    def fence(self) -> str:
        """How often the lock was taken."""
        return f"{FENCE_PREFIX}{{{self.question}}}:{self.digest}"

    @property
    def channel(self) -> str:
        """Where it is said that the lock is free again."""
        return f"analysis:done:{{{self.question}}}:{self.digest}"

    @property
    def last(self) -> str:
        """The last report on this question, in whatever state."""
        return last_report_name(self.question)


LAST_REPORT_PREFIX = "analysis:last:"


def last_report_name(question: str) -> str:
    """The last report on a question, in whatever state."""
    return f"{LAST_REPORT_PREFIX}{{{question}}}"


class ReportKeys:
    """Makes keys for one Gemini model and one version of the prompt: another of either would say other things."""

    def __init__(self, gemini_model: str, prompt_version: int) -> None:
        self.asked_of = {"gemini_model": gemini_model, "prompt_version": prompt_version}

    def question(self, query: MetricsQuery) -> str:
        """The digest of the question alone."""
        return digest(query.model_dump(mode="json") | self.asked_of)

    def key(self, state: State) -> ReportKey:
        """The key of the report on `state`."""
        question = self.question(state.query)
        thresholds = state.thresholds
        return ReportKey(
            question,
            digest(
                {
                    "question": question,
                    "status": state.metrics.status,
                    "thresholds_of": thresholds.model_name,
                    "thresholds_version": thresholds.version,
                }
            ),
        )


def digest(value: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON: keys sorted, no spaces, UTF-8."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
