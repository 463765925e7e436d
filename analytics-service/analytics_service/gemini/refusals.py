"""Errors of Gemini's API → one class per reason; pure. Shapes: https://ai.google.dev/gemini-api/docs/troubleshooting."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from analytics_service.gemini.http_response import HttpResponse
from analytics_service.gemini.provider import (
    BillingNeededError,
    DailyQuotaSpentError,
    ForbiddenError,
    KeyInvalidError,
    KeyLeakedError,
    ModelUnknownError,
    ProviderError,
    ProviderUnavailable,
    RateLimitedError,
    RefusedError,
    RegionBlockedError,
    RequestInvalidError,
    TooSlowError,
)
from analytics_service.gemini.words import said
from shared.asyncio.clock import utc_now

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
"""Protobuf's JSON form of a duration: `17s`, `0.5s`."""
RETRY_IN = re.compile(r"retry in (\d{1,9}(?:\.\d{1,9})?)s")
"""What 429s say in prose, RetryInfo or not."""

CLIENT_CLOSED_REQUEST = 499

STATUS_OF = {
    "CANCELLED": CLIENT_CLOSED_REQUEST, "INVALID_ARGUMENT": 400, "OUT_OF_RANGE": 400, "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429, "INTERNAL": 500,
    "UNKNOWN": 500, "DATA_LOSS": 500, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}  # fmt: skip
"""google.rpc.Code → HTTP, for an error that came with a status which says nothing (200)."""

NO_CREDIT = re.compile(r"prepayment credits|spend(?:ing)? (?:cap|limit)|limit: 0\b", re.IGNORECASE)
"""429s that waiting does not help against. An ordinary one says `billing` as well."""
NOT_HERE = re.compile(r"\b(?:location|country|region|territory)\b", re.IGNORECASE)
KEY_AT_FAULT = re.compile(r"API key (?:not valid|not found|expired)|unregistered callers", re.IGNORECASE)

MEANT_BY_WORDS = tuple((re.compile(pattern, re.IGNORECASE), status) for pattern, status in (
    (KEY_AT_FAULT.pattern, 400),
    (r"invalid (?:api )?key|unauthenticated|unauthori[sz]ed|authentication", 401),
    (r"leaked|permission|forbidden|access denied|billing", 403),
    (r"quota|rate.?limit|too many|exhausted|credits", 429),
    (r"\bmodels?\b.*not (?:found|exist|supported)|(?:unknown|no such) model", 404),
    (r"timed? ?out|deadline", 504),
    (r"(?:location|country|region|territory) .*not (?:supported|available)", 403),
    (r"overloaded|unavailable|try again|capacity", 503),
    (r"invalid (?:argument|request|json)|bad request|malformed", 400),
))  # fmt: skip
"""Errors within a success that have neither a name nor a number: what stands between us and Gemini words them."""

BY_STATUS: dict[int, type[ProviderError]] = {
    401: KeyInvalidError,
    402: BillingNeededError,
    408: TooSlowError,
    CLIENT_CLOSED_REQUEST: ProviderUnavailable,
    504: TooSlowError,
    405: RequestInvalidError,
    411: RequestInvalidError,
    413: RequestInvalidError,
    414: RequestInvalidError,
    415: RequestInvalidError,
    422: RequestInvalidError,
}
"""Statuses that say all by themselves."""


def refusal(response: HttpResponse, said_error: Any, key: str) -> ProviderError:
    """The error that a response is; `said_error`: what stands under `error` in its body, None when nothing does.

    Gemini puts an object there. Text, or a list, is from what stands on the way to it, and so are the words.
    """
    error: Mapping[str, Any] = said_error if isinstance(said_error, Mapping) else {"message": plain(said_error)}
    name, message = text_in(error, "status"), text_in(error, "message")
    status = response.status if response.status >= HTTPStatus.BAD_REQUEST else meant_status(error, name)
    body = message or response.body[:1000].decode(errors="replace")
    is_geminis = isinstance(said_error, Mapping) and bool(message)
    words = said(body, key, status, name or ("error" if is_geminis else None))
    if not name and response.status < HTTPStatus.BAD_REQUEST:
        name = "NOT_FOUND" if status == HTTPStatus.NOT_FOUND else ""
    return kind(status, name, message, error)(words, retry_after_seconds=retry_after(response, error, message))


def plain(said_error: Any) -> str:
    """An error that is no object, as text."""
    inner = said_error[0] if isinstance(said_error, list) and said_error else said_error
    return inner if isinstance(inner, str) else "" if inner is None else str(inner)[:1000]


def kind(status: int, name: str, message: str, error: Mapping[str, Any]) -> type[ProviderError]:
    """Which error it is."""
    if found := BY_STATUS.get(status):
        return found
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProviderUnavailable
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return limit_kind(message, error)
    if "API_KEY_INVALID" in reasons_in(error) or KEY_AT_FAULT.search(message):
        return KeyInvalidError
    if status == HTTPStatus.FORBIDDEN:
        return forbidden_kind(message, error)
    if status == HTTPStatus.BAD_REQUEST:
        return precondition_kind(message) if name == "FAILED_PRECONDITION" else RequestInvalidError
    # A 404 without Gemini's own words is about the address, not about the model.
    return ModelUnknownError if status == HTTPStatus.NOT_FOUND and name else RefusedError


def limit_kind(message: str, error: Mapping[str, Any]) -> type[ProviderError]:
    """Which limit was met: a plan's, a day's or a minute's."""
    if NO_CREDIT.search(message):
        return BillingNeededError
    quotas = [
        text_in(each, "quotaId") for found in details(error, QUOTA_FAILURE) for each in items(found, "violations")
    ]
    return DailyQuotaSpentError if any("PerDay" in quota for quota in quotas) else RateLimitedError


def forbidden_kind(message: str, error: Mapping[str, Any]) -> type[ProviderError]:
    """Why a key may not."""
    if "leaked" in message:
        return KeyLeakedError
    if "BILLING_DISABLED" in reasons_in(error) or "billing" in message.lower():
        return BillingNeededError
    return RegionBlockedError if NOT_HERE.search(message) else ForbiddenError


def precondition_kind(message: str) -> type[ProviderError]:
    """Which precondition is not met."""
    if NOT_HERE.search(message):
        return RegionBlockedError
    return BillingNeededError if "billing" in message.lower() else RequestInvalidError


def meant_status(error: Mapping[str, Any], name: str) -> int:
    """The status that an error within a success means: by its name, its number, else by its words."""
    number = error.get("code")
    if isinstance(number, str):
        name, number = name or number.upper(), int(number) if re.fullmatch(r"\d{3}", number) else None
    if name in STATUS_OF:
        return STATUS_OF[name]
    if isinstance(number, int) and HTTPStatus.BAD_REQUEST <= number < 600:
        return number
    words = " ".join(text_in(error, field) for field in ("message", "code", "type")).replace("_", " ")
    if re.fullmatch(r"[45]\d\d", words.strip()):
        return int(words)
    return next((status for pattern, status in MEANT_BY_WORDS if pattern.search(words)), 500)


def retry_after(response: HttpResponse, error: Mapping[str, Any], message: str) -> float | None:
    """How long we are asked to wait, in seconds: by RetryInfo, else by the header, else by the words."""
    for info in details(error, RETRY_INFO):
        if (delay := seconds(info.get("retryDelay"))) is not None:
            return delay
    in_words = RETRY_IN.search(message)
    return header_seconds(response.headers) or (float(in_words[1]) if in_words else None)


def seconds(duration: Any) -> float | None:
    """`17s` as 17.0; None for what is no duration."""
    match = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return float(match[1]) if match and math.isfinite(float(match[1])) else None


def header_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` as RFC 9110 has it: seconds, or a date, which counts from the response's own `Date`."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    until, now = date(value), date(headers.get("date", "")) or utc_now()
    return max((until - now).total_seconds(), 0.0) if until else None


def date(value: str) -> datetime | None:
    """An HTTP date; None for anything else."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def reasons_in(error: Mapping[str, Any]) -> set[str]:
    """The reasons that ErrorInfo names, such as `API_KEY_INVALID`."""
    return {text_in(info, "reason") for info in details(error, ERROR_INFO)}


def details(error: Mapping[str, Any], kind_of_detail: str) -> Iterator[Mapping[str, Any]]:
    """The error's details of one type."""
    return (detail for detail in items(error, "details") if detail.get("@type") == kind_of_detail)


def items(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in the list under a name."""
    found = value.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def text_in(value: Mapping[str, Any], name: str) -> str:
    """The text under a name, or none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""
