"""Gemini's text → findings, wherever in it the JSON stands; pure.

Models wrap JSON in fences, prose and further JSON whatever they are told: a report within an object, within text within
an object, behind a draft, the schema or an example. So every object in the text is looked at, and the last one counts
that is a report and no mere pattern of one: what comes first is what the model was about to do. What does not fit is
refused with words that Gemini can mend it by.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from analytics_service.contracts.report import Findings
from analytics_service.gemini.provider import Completion, TruncatedError, UnusableError

MAX_FLAWS = 5
MAX_STARTS = 500
"""Places at which an object may begin: each that does not is a walk through what follows."""

MAX_DEPTH = 4
"""Wrappers around a report, be they objects, lists or text that is JSON itself."""

DECODER = json.JSONDecoder(strict=False)
"""Line breaks and tabs may stand in text as they are: models forget to escape them."""

START = re.compile(r'\{(?=\s*["}])')
"""A brace that an object may begin with; `{as asked}` is none."""

OPEN_START = re.compile(r'\{\s*\\*"')
"""The same, also in text that is JSON within a string."""

FIELDS = frozenset(Findings.model_fields)

PATTERN = re.compile(r"[<\[{(].*[>\]})]|\W*|(?i:string|text|summary|your summary.*|(?:a )?(?:short|brief) summary.*)")
"""What a summary says in a schema or an example: it stands for words."""


def findings_in(completion: Completion) -> Findings:
    """The findings in a completion. Raises UnusableError, or TruncatedError when the text ends in the middle of them.

    A whole report counts whatever brace is left open behind it, unless the tokens ended there: then another was begun.
    """
    found: Findings | None = None
    rest, flaws, likeness = completion.text, "answer: there is no JSON object in it", 0
    for value, end in documents_in(completion.text):
        for each in objects_within(value):
            try:
                report = Findings.model_validate(each)
            except ValidationError as error:
                if each and len(each.keys() & FIELDS) >= likeness:
                    flaws, likeness = described(error), len(each.keys() & FIELDS) + 1
                continue
            if PATTERN.fullmatch(report.summary):
                flaws = "summary: there is a pattern in place of words"
                continue
            found, rest = report, completion.text[end:]
    is_open = ends_inside_object(rest)
    if (completion.cut and is_open) or (found is None and (completion.cut or is_open)):
        raise TruncatedError("the answer ends in the middle", usage=completion.usage)
    if found is None:
        raise UnusableError(flaws, usage=completion.usage)
    return found


def documents_in(text: str) -> Iterator[tuple[Any, int]]:
    """What the text is as JSON, else every object in it that is whole, from left to right; and where it ends."""
    try:
        yield DECODER.decode(text.strip("\ufeff \n\r\t")), len(text)
    except (ValueError, RecursionError):
        yield from scattered(text)


def scattered(text: str) -> Iterator[tuple[Any, int]]:
    """The objects in a text that is more than JSON. One that does not end is stepped into."""
    at = 0
    for _ in range(MAX_STARTS):
        if (start := START.search(text, at)) is None:
            return
        try:
            found, at = DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
        else:
            yield found, at


def objects_within(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The objects that a value is or holds, also as text; what holds others comes before them."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        yield value
        inner: list[Any] = [] if value.keys() >= FIELDS else list(value.values())
    elif isinstance(value, list):
        inner = value
    elif isinstance(value, str) and depth < MAX_DEPTH and OPEN_START.search(value):
        inner = [document for document, _ in documents_in(value)]
    else:
        return
    for each in inner:
        yield from objects_within(each, depth + 1)


def ends_inside_object(text: str) -> bool:
    """Whether the first object that begins is still open where the text stops."""
    start = OPEN_START.search(text)
    if start is None:
        return False
    depth, quoted, escaped = 0, False, False
    for character in text[start.start() :]:
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
    """What is wrong, by place, without repeating the text."""
    flaws = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FLAWS]
    return "; ".join(f"{place(flaw['loc'])}: {flaw['msg']}" for flaw in flaws)


def place(location: tuple[int | str, ...]) -> str:
    """`identified_issues.0.severity`, or the whole of it."""
    return ".".join(str(part) for part in location) or "answer"
