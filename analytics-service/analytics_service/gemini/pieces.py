"""The document that a response's body is; one that comes in pieces, as streams have it, is put together; pure."""

import json
import re
from typing import Any

EVENT_DATA = re.compile(r"^data:[ ]?(.*)$", re.MULTILINE)
"""A line of server-sent events; Gemini puts one document into each."""

NO_DOCUMENT = object()


def document(body: bytes) -> Any:
    """The JSON document that a body is, with or without a byte order mark, or a list of those in events; else None."""
    try:
        text = body.decode("utf-8-sig")
    except ValueError:
        return None
    if (found := parsed(text)) is not NO_DOCUMENT:
        return found
    events = [parsed(data) for data in EVENT_DATA.findall(text) if data.strip() not in ("", "[DONE]")]
    return None if NO_DOCUMENT in events else events or None


def parsed(text: str) -> Any:
    """A text as JSON, or NO_DOCUMENT."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return NO_DOCUMENT


def whole(found: Any) -> Any:
    """The pieces of a response as one: the texts behind each other, the last word on everything else.

    An error among them is the whole: what came before it is no completion. What is no list of pieces stays as it is.
    """
    if not isinstance(found, list):
        return found
    pieces = [piece for piece in found if isinstance(piece, dict)]
    if not pieces or len(pieces) != len(found):
        return None
    together: dict[str, Any] = {}
    parts: list[Any] = []
    candidate: dict[str, Any] = {}
    for piece in pieces:
        if piece.get("error"):
            return {"error": piece["error"]}
        together |= piece
        first = first_candidate(piece)
        candidate |= first
        content = first.get("content")
        if isinstance(content, dict) and isinstance(content.get("parts"), list):
            parts += content["parts"]
    if candidate:
        together["candidates"] = [candidate | {"content": {"parts": parts}}]
    return together


def first_candidate(piece: dict[str, Any]) -> dict[str, Any]:
    """The first candidate of a piece, without what is not said in it."""
    candidates = piece.get("candidates")
    found = candidates[0] if isinstance(candidates, list) and candidates else None
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}
