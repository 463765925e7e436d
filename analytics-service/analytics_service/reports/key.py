"""Question and state → the key under which a report is found; pure.

The counts themselves are no part of it: under live traffic they change with every prediction and nothing would ever
hit. What must never be answered stale is: the status, and which thresholds gave it.
"""

import hashlib
from typing import Any

import orjson

from analytics_service.cache.key import ReportKey
from analytics_service.contracts.question import ReportQuery
from analytics_service.metrics_client.facts import State


class ReportKeys:
    """Makes keys for one Gemini model and one version of the prompt: another of either would say other things."""

    def __init__(self, gemini_model: str, prompt_version: int) -> None:
        self._asked_of = {"gemini_model": gemini_model, "prompt_version": prompt_version}

    def query_digest(self, query: ReportQuery) -> str:
        """The digest of the query alone; one about no key is no other question because there are such about keys."""
        asked = query.model_dump(mode="json", exclude={"key_id"} if query.key_id is None else None)
        return digest(asked | self._asked_of)

    def key(self, state: State) -> ReportKey:
        """The key of the report on `state`."""
        query_digest = self.query_digest(state.query)
        thresholds = state.thresholds
        return ReportKey(
            query_digest,
            digest(
                {
                    "question": query_digest,
                    "status": state.metrics.status,
                    "thresholds_of": thresholds.model_name,
                    "thresholds_version": thresholds.version,
                }
            ),
        )


def digest(value: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON: keys sorted, no spaces, UTF-8."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
