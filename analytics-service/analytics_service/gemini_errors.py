"""Gemini's errors, sorted in one place for both SDKs; pure."""

import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from analytics_service.provider import ProviderError, RateLimited, Rejected, Unavailable

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
"""Protobuf's JSON form of a duration: `17s`, `0.5s`."""


def error_of(status: int, message: str, details: object) -> ProviderError:
    """What an HTTP status with Gemini's error details means."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(message, retry_delay(details))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{status} {message}")
    return Rejected(f"{status} {message}")


def retry_delay(details: object) -> float | None:
    """The seconds that a RetryInfo among the details says to wait; None when there is none that can be read."""
    for detail in details if isinstance(details, Iterable) else ():
        if isinstance(detail, Mapping) and detail.get("@type") == RETRY_INFO:
            return seconds(detail.get("retryDelay"))
    return None


def seconds(duration: Any) -> float | None:
    """`17s` as 17.0; None for what is no duration."""
    match = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return float(match[1]) if match and math.isfinite(float(match[1])) else None
