"""Gemini's text → findings; pure. What does not fit is refused with words that Gemini can mend it by."""

import re

from pydantic import ValidationError

from analytics_service.report import Findings

FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
"""Models like to wrap JSON in a Markdown fence, whatever they are told."""

MAX_FLAWS = 5


class UnusableAnswer(Exception):
    """The text is no report; the message says why, without repeating it."""


def parse(text: str) -> Findings:
    """The findings in an answer. Raises UnusableAnswer."""
    fenced = FENCE.fullmatch(text)
    try:
        return Findings.model_validate_json(fenced[1] if fenced else text)
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FLAWS]
        raise UnusableAnswer("; ".join(f"{place(flaw['loc'])}: {flaw['msg']}" for flaw in flaws)) from error


def place(location: tuple[int | str, ...]) -> str:
    """`identified_issues.0.severity`, or the whole of it."""
    return ".".join(str(part) for part in location) or "answer"
