"""Gemini's text → findings, wherever in it the JSON stands; pure.

Models wrap JSON in fences and prose whatever they are told, and put byte order marks before and remarks behind it. The
first object in the text that is a report counts. What does not fit is refused with words that Gemini can mend it by.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from analytics_service.provider import ModelAnswer, Truncated, Unusable
from analytics_service.report import Findings

MAX_FLAWS = 5
MAX_OBJECTS = 100
"""Braces at which an object may begin; a text with more is no report."""

DECODER = json.JSONDecoder()


def findings_in(answer: ModelAnswer) -> Findings:
    """The findings in an answer. Raises Unusable, or Truncated when the text ends in the middle of them."""
    flaws: str | None = None
    for found in objects_in(answer.text):
        try:
            return Findings.model_validate(found)
        except ValidationError as error:
            flaws = flaws or described(error)
    if answer.cut or ends_inside_object(answer.text):
        raise Truncated("the answer ends in the middle", usage=answer.usage)
    raise Unusable(flaws or "answer: there is no JSON object in it", usage=answer.usage)


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object that is whole, from left to right, those within others after them."""
    at = text.find("{")
    for _ in range(MAX_OBJECTS):
        if at < 0:
            return
        try:
            found, _ = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            yield found
        at = text.find("{", at + 1)


def ends_inside_object(text: str) -> bool:
    """Whether the first object that begins is still open where the text stops."""
    depth, quoted, escaped = 0, False, False
    for character in text[max(text.find("{"), 0) :]:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return False
    return depth > 0


def described(error: ValidationError) -> str:
    """What is wrong, by place, without repeating the answer."""
    flaws = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FLAWS]
    return "; ".join(f"{place(flaw['loc'])}: {flaw['msg']}" for flaw in flaws)


def place(location: tuple[int | str, ...]) -> str:
    """`identified_issues.0.severity`, or the whole of it."""
    return ".".join(str(part) for part in location) or "answer"
