"""ASGI middleware: pages of other origins may read our responses, those of CORS_ORIGINS (the Fetch standard's CORS).

Outermost, so that they can read refusals too. A preflight is answered by the gateway, and counts for nobody: it comes
without a key, and only says what a page is about to ask.
"""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.request.origins import Origins
from shared.http.methods import METHODS
from shared.http.request_id import headers_by_name

EXPOSED = (
    "Age, Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Cache, X-RateLimit-Dry-Run, "
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Scope, X-Request-ID"
)
"""What pages may read of a response besides what all may."""

MAX_AGE_SECONDS = 600
"""How long a browser need not ask again. Chromium would take two hours; who changes the origins wants to see it."""

ASKED_HEADERS = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}")
"""Names of headers with commas between."""

Headers = list[tuple[bytes, bytes]]


class Cors:
    """Tells browsers that these origins may read; `credentials`: also what is asked with cookies."""

    def __init__(self, app: ASGIApp, origins: Origins, *, credentials: bool) -> None:
        self._app, self._origins = app, origins
        self._credentials: Headers = [(b"access-control-allow-credentials", b"true")] if credentials else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = self._headers(headers_by_name(scope).get(b"origin"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, origin: bytes | None) -> Headers:
        """A response differs by who asks, whoever it is: caches must know."""
        vary = [(b"vary", b"Origin")]
        if origin is None or origin not in self._origins:
            return vary
        allowed = [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED.encode())]
        return [*vary, *allowed, *self._credentials]


def preflight_of(scope: Scope, origins: Origins) -> Headers | None:
    """What a page of these origins is told that asks whether it may ask; None: this is no such question."""
    if scope["method"] != "OPTIONS":
        return None
    headers = headers_by_name(scope)
    origin, method = headers.get(b"origin"), headers.get(b"access-control-request-method")
    if origin is None or method is None or origin not in origins:
        return None
    told = [
        (b"access-control-allow-methods", ", ".join((*METHODS, "HEAD")).encode()),
        (b"access-control-max-age", b"%d" % MAX_AGE_SECONDS),
        (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]
    asked = headers.get(b"access-control-request-headers", b"")
    return [*told, (b"access-control-allow-headers", asked)] if ASKED_HEADERS.fullmatch(asked) else told


async def answer_preflight(send: Send, told: Headers) -> None:
    """A response without content."""
    await send({"type": "http.response.start", "status": 204, "headers": told})
    await send({"type": "http.response.body", "body": b""})
