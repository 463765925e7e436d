"""Every request has an id: the caller's if it is a sane one, ours otherwise; returned, logged, passed on."""

import re
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "x-request-id"
SANE = re.compile(rb"[A-Za-z0-9._-]{8,128}")
"""Ids that are safe in a header, a log line and a file name, and long enough to be told apart."""

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""The W3C trace context header, version 00 form."""

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")
_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def request_id_of(scope: Scope) -> str:
    """The id of the request: from its header when sane, a new one otherwise."""
    given = header(scope, HEADER.encode())
    return given.decode() if given and SANE.fullmatch(given) else uuid4().hex


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header (`name` in lower case), or None."""
    return next((value for key, value in scope["headers"] if key == name), None)


def trace_headers() -> dict[str, str]:
    """Headers for a call to another service on behalf of the current request."""
    headers = {"X-Request-ID": current_request_id.get(), "traceparent": _traceparent.get()}
    return {name: value for name, value in headers.items() if value}


class RequestIdMiddleware:
    """Gives each HTTP request its id, in the context, in the logs and in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        current_request_id.set(request_id)
        traceparent = header(scope, b"traceparent")
        _traceparent.set(traceparent.decode() if traceparent and TRACEPARENT.fullmatch(traceparent) else "")
        clear_contextvars()
        bind_contextvars(request_id=request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self.app(scope, receive, send_with_id)
