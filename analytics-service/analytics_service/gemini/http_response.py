"""The response as it came, before an SDK reads it.

Both SDKs lose what matters: unknown enum values and thought tokens, `Retry-After`, the body of an error. So each call
keeps the response of its own, and `wire` reads it, the same for both.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response; the names of its headers ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Arrived:
    """Holds the last response that arrived during a call; None: none arrived whole. Set by the SDK's HTTP client."""

    response: HttpResponse | None = None


CALL: ContextVar[Arrived | None] = ContextVar("gemini_call", default=None)


@contextmanager
def one_call() -> Iterator[Arrived]:
    """Responses that arrive within the block, in this task or in a thread with its context, are kept."""
    arrived = Arrived()
    token = CALL.set(arrived)
    try:
        yield arrived
    finally:
        CALL.reset(token)


def keep(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """A response arrived whole."""
    if (call := CALL.get()) is not None:
        call.response = HttpResponse(status, headers, body)
