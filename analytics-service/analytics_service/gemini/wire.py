"""Gemini's wire format: a response → the completion, or the error that it is; pure, and the same for both SDKs.

Formats: https://ai.google.dev/api/generate-content (responses, finish and block reasons, usage) and
https://google.aip.dev/193 (errors). Whatever has another type than the format says counts as not there. A response in
pieces, as streams have it (a list, or server-sent events), is put together (`pieces`).
"""

from http import HTTPStatus
from typing import Any

from analytics_service.gemini.http_response import HttpResponse
from analytics_service.gemini.pieces import document, whole
from analytics_service.gemini.provider import (
    BlockedError,
    Completion,
    EmptyError,
    ProviderError,
    StoppedError,
    TruncatedError,
    UnreadableError,
    Usage,
)
from analytics_service.gemini.refusals import refusal
from analytics_service.gemini.words import said

FINISH_REASONS = (
    "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "LANGUAGE", "BLOCKLIST",
    "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY",
)  # fmt: skip
BLOCK_REASONS = (
    "BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY",
)  # fmt: skip
"""By number: `google-generativeai` asks for enums as numbers. Later ones have a name in `google-genai`'s responses."""

WITHHELD = {
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION", "MODEL_ARMOR", "JAILBREAK",
}  # fmt: skip
"""Finish reasons with which Gemini keeps back what it would have said; a part of it may be there all the same."""


KNOWN_FIELDS = {"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"}
"""A document with none of these was not written by Gemini."""


def read(response: HttpResponse, key: str) -> Completion:
    """The completion in a response. Raises ProviderError, whose words do not contain the key."""
    body = whole(document(response.body))
    error = body.get("error") if isinstance(body, dict) else None
    if response.status >= HTTPStatus.BAD_REQUEST or error or (error is not None and "candidates" not in body):
        raise refusal(response, error, key)
    is_document = isinstance(body, dict) and (not body or body.keys() & KNOWN_FIELDS)
    if response.status != HTTPStatus.OK or not is_document:
        text = response.body[:1000].decode(errors="replace")
        raise UnreadableError(said(f"not a response of Gemini: {text}", key, response.status))
    return completion_of(body, key)


def completion_of(body: dict[str, Any], key: str) -> Completion:
    """What the first candidate says. Raises ProviderError when that is nothing."""
    usage = usage_of(body)
    candidate = first(body.get("candidates"))
    if candidate is None:
        raise without_candidate(body, usage, key)
    text = text_of(candidate)
    finish = name_of(candidate.get("finishReason"), FINISH_REASONS)
    words = said(string(candidate.get("finishMessage")) or "no text", key, HTTPStatus.OK, f"finishReason {finish}")
    if finish in WITHHELD:
        raise BlockedError(words, usage=usage)
    if text.strip():
        return Completion(text, usage, cut=finish == "MAX_TOKENS")
    if finish == "MAX_TOKENS":
        raise TruncatedError(words, usage=usage)
    if finish in ("STOP", FINISH_REASONS[0]):
        raise EmptyError(words, usage=usage)
    raise StoppedError(words, usage=usage)


def without_candidate(body: dict[str, Any], usage: Usage, key: str) -> ProviderError:
    """Why there is no candidate, as far as that is told."""
    feedback = mapping(body, "promptFeedback") or {}
    if (reason := feedback.get("blockReason")) is None:
        return EmptyError(said("no candidate", key, HTTPStatus.OK), usage=usage)
    message = string(feedback.get("blockReasonMessage")) or "the prompt was blocked"
    code = f"blockReason {name_of(reason, BLOCK_REASONS)}"
    return BlockedError(said(message, key, HTTPStatus.OK, code), usage=usage)


def text_of(candidate: dict[str, Any]) -> str:
    """The candidate's text without its thoughts."""
    parts = (mapping(candidate, "content") or {}).get("parts")
    plain = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(string(part.get("text")) for part in plain if part.get("thought") is not True)


def usage_of(body: dict[str, Any]) -> Usage:
    """What the call is billed for. What the total has more than its parts is billed as thoughts."""
    counts = mapping(body, "usageMetadata") or {}
    prompt = number(counts.get("promptTokenCount")) + number(counts.get("toolUsePromptTokenCount"))
    answer, thoughts = number(counts.get("candidatesTokenCount")), number(counts.get("thoughtsTokenCount"))
    rest = number(counts.get("totalTokenCount")) - prompt - answer
    return Usage(prompt, answer, max(thoughts, rest))


def name_of(value: Any, names: tuple[str, ...]) -> str:
    """An enum's value by name, whether it came as a name or as a number; a number without a name stays one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else str(value)
    return value if isinstance(value, str) and value else names[0]


def first(items: Any) -> dict[str, Any] | None:
    """The first of a list, when it is an object."""
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def mapping(value: Any, name: str) -> dict[str, Any] | None:
    """The object under a name of an object."""
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else None


def string(value: Any) -> str:
    """Text, or nothing."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """A count, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
