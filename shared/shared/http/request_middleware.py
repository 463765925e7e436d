"""What every request passes first: its id, its measurement, and the last resort for errors.

One middleware and not three, because every request of every service pays for each layer.
"""

from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import Problem, response_to
from shared.http.request_id import HEADER, begin_request, current_request_id
from shared.http.server.exchange import SCOPE_KEY, Exchange
from shared.service.stopping import is_closed
from shared.telemetry.access_log import Described
from shared.telemetry.requests import (
    CLIENT_CLOSED_REQUEST,
    IN_FLIGHT,
    printable,
    record_request,
    route_and_client,
)
from shared.tracing.span import Span, current_span

SERVER_ERRORS = 500

log = structlog.get_logger()


class RequestMiddleware:
    """Gives each HTTP request an id, counts and times it, logs it as `ACCESS_LOG` says; responds where nobody else did.

    `guard` raises a Problem for a request that goes no further. `describe` says what logs and metrics call
    one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Callable[[Scope], None] | None = None,
        describe: Callable[[Scope], Described] = route_and_client,
    ) -> None:
        self.app, self._guard, self._describe = app, guard, describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        await (self._respond if scope["type"] == "http" else self.app)(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Once a response has begun it can only be cut, which the server does with one that has no end.

        A client that has left is no error, whatever came of it.
        """
        started = perf_counter()
        status, began = 0, 0.0
        exchange: Exchange | None = scope.get(SCOPE_KEY)  # None: the server is not our own
        own_headers = [(HEADER, begin_request(scope, None if exchange is None else exchange.request_id).encode())]
        if is_closed(scope):
            own_headers.append((b"connection", b"close"))

        async def send_with_id(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *own_headers]
                await send(message)
                status, began = message["status"], perf_counter()
            else:
                await send(message)

        IN_FLIGHT.by_labels[()] += 1
        try:
            if self._guard is not None:
                self._guard(scope)
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            # No other name may hold it: this frame is one that it has gone through, so it would live, with its
            # request, until the next collection, and in a flood of refusals those held up everybody.
            if not isinstance(error, Problem) and (exchange is None or not exchange.lost):
                log.exception("unexpected error", path=scope["path"])
            if exchange is None or not exchange.begun:
                told = response_to(error if isinstance(error, Problem) else Problem(), scope["path"])
                await told(scope, receive, send_with_id)
        finally:
            IN_FLIGHT.by_labels[()] -= 1
            status, refused = outcome(exchange, status)
            ended = perf_counter()
            self._record(scope, status, ended - started, (began or ended) - started, refused)

    def _record(self, scope: Scope, status: int, seconds: float, began_after: float, refused: str | None) -> None:
        """Counts the request, logs it if it is one that is logged, and ends its span, if it has one."""
        described = self._describe(scope)
        span = current_span.get()
        if span is None:
            record_request(scope, described, status, seconds, began_after=began_after, refused=refused)
            return
        record_request(
            scope, described, status, seconds, began_after=began_after, refused=refused, trace_id=span.trace_id
        )
        end_server_span(span, scope, described[0], status)


def end_server_span(span: Span, scope: Scope, route: str, status: int) -> None:
    """What OpenTelemetry's semantic conventions have of a request."""
    method = scope["method"]
    span.name = f"{method} {route}"
    span.attributes |= {
        "http.request.method": method,
        "http.route": route,
        "url.path": printable(scope["path"]),
        "http.response.status_code": status,
        "modelserver.request_id": current_request_id.get(),
    }
    if status >= SERVER_ERRORS:
        span.error = str(status)
    span.end()


def outcome(exchange: Exchange | None, status: int) -> tuple[int, str | None]:
    """The status that the client has seen, or would have, and why the server itself gave it, when it did."""
    if exchange is not None and exchange.lost and not exchange.begun:
        refused = exchange.refused
        return (CLIENT_CLOSED_REQUEST, None) if refused is None else (refused.status, refused.reason)
    return status or CLIENT_CLOSED_REQUEST, None
