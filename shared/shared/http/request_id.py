"""Every request has an id: the caller's if it is a sane one, ours otherwise; returned, logged, passed on."""

import re
from contextvars import ContextVar

from starlette.types import Scope

from shared.tracing.context import begin_trace, traceparent
from shared.tracing.ids import new_id

HEADER = b"x-request-id"
HEADER_INDEX = "header_index"
"""Where a scope keeps its headers by name once somebody has asked for one."""

SANE = re.compile(rb"[A-Za-z0-9._-]{8,128}")
"""Ids that are safe in a header, a log line and a file name, and long enough to be told apart."""

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")


def sane_request_id(given: bytes | None) -> str | None:
    """The id that a client gave, when it is one."""
    return given.decode() if given and SANE.fullmatch(given) else None


def new_request_id() -> str:
    """An id that no other request has."""
    return new_id(128)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header (`name` in lower case), or None."""
    index: dict[bytes, bytes] | None = scope.get(HEADER_INDEX)  # asked for ten times in a request: no call within one
    return (headers_by_name(scope) if index is None else index).get(name)


def headers_by_name(scope: Scope) -> dict[bytes, bytes]:
    """The first value of each header, by its name in lower case."""
    index: dict[bytes, bytes] | None = scope.get(HEADER_INDEX)
    if index is None:
        index = scope[HEADER_INDEX] = dict(reversed(scope["headers"]))
    return index


def trace_headers() -> dict[str, str]:
    """Headers for a call to another service on behalf of the current request."""
    headers = {"X-Request-ID": current_request_id.get(), "traceparent": traceparent()}
    return {name: value for name, value in headers.items() if value}


def begin_request(scope: Scope, given: str | None = None) -> str:
    """Makes the request's id and trace the current ones, and returns the id.

    Without a `given` one it is the header's when that is sane, else a new one.
    """
    request_id = given or sane_request_id(header(scope, HEADER)) or new_request_id()
    current_request_id.set(request_id)
    begin_trace(header(scope, b"traceparent"))
    return request_id
