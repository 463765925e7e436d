"""Streams one request to its upstream and the response back.

Ends the upstream's work when the client leaves; closes the client's connection when a response breaks off half-way.
"""

from collections.abc import Iterable, Mapping
from functools import partial

import structlog
from starlette.types import Message, Receive, Scope, Send

from gateway.proxy.body import BodyTooSlow, ClientGoneError, Content, RequestBody
from gateway.proxy.deadlines import Deadline, Deadlines
from gateway.proxy.exchange import UpstreamResponse
from gateway.proxy.headers import Header, request_headers, response_headers, stream_headers, target_of
from gateway.proxy.streamed_body import StreamedBody
from gateway.proxy.unfinished_bodies import UnfinishedBodies
from gateway.proxy.upstream import BROKEN, Upstream
from gateway.proxy.whole_response import WholeResponse
from gateway.request.context import context_of
from gateway.request.routing import Route, UpstreamName
from shared.http.problems import Problem
from shared.http.request_id import header
from shared.http.server.response_head import ResponseError
from shared.http.streams import stream_type
from shared.tracing.span import span

WHOLE_RESPONSE_BYTES = 65_536
"""Responses up to this size are read whole before they are sent on: one write instead of several."""

STREAM_SILENCE_SECONDS = 360.0
"""How long nothing may come of the response to a stream. Its service tries for five minutes to find room for the next
rows, which wait behind everybody else's, and then says so; and a client may take its time between two rows."""

IDEMPOTENCY_KEY = b"idempotency-key"

DIGITS = 16
"""Longer numbers are no lengths."""

log = structlog.get_logger()


class Proxy:
    """An ASGI application that passes requests on to the upstream of their route, and its responses back.

    A place at the upstream is taken for a request whose body is here; see RequestBody.open.
    """

    def __init__(
        self,
        upstreams: Mapping[UpstreamName, Upstream],
        deadlines: Deadlines,
        *,
        max_body_bytes: int,
        max_large_body_bytes: int,
        body_timeout_seconds: float,
        response_timeout_seconds: float,
    ) -> None:
        self._upstreams, self._deadlines, self._unfinished = upstreams, deadlines, UnfinishedBodies()
        self._max_body_bytes = {False: max_body_bytes, True: max_large_body_bytes}
        self._body_timeout_seconds, self._response_timeout_seconds = body_timeout_seconds, response_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises problems while no response has begun: BodyTooLarge, BodyTooSlow, those of Upstream."""
        context = context_of(scope)
        route, client = context.route, context.connection
        if route is None:
            raise RuntimeError("only requests with a route come here")
        deadline = Deadline(self._deadlines)
        upstream = self._upstreams[route.upstream]
        streams = route.streams and stream_type(scope) is not None
        body = self._stream(scope, receive, deadline) if streams else self._body(scope, receive, route, deadline)
        try:
            with deadline:
                deadline.set(self._body_timeout_seconds)
                client.call_when_lost(deadline.end)
                content = await body.open()
                context.upstream = route.upstream
                streamed = content.stream is not None
                upstream.begin(streamed=streamed)
                try:
                    with span(upstream.name, is_client=True) as spanned:
                        headers = request_headers(scope, context)
                        if streams:
                            headers += stream_headers(scope)
                        if spanned:
                            spanned.set("http.request.method", scope["method"])
                            spanned.set("server.address", upstream.name)
                        await self._exchange(scope, headers, send, upstream, content, deadline, route, streams=streams)
                finally:
                    upstream.end(streamed=streamed)
        except ClientGoneError:
            return
        except TimeoutError as error:
            if client.lost:
                return
            body.refuse_given_up()
            if not body.complete:
                raise BodyTooSlow(self._body_timeout_seconds) from error
            raise upstream.timeout() from error
        finally:
            body.end()
            client.forget()

    def _body(self, scope: Scope, receive: Receive, route: Route, deadline: Deadline) -> RequestBody:
        """A body that is bounded, and has to be here in time; from then on it is the upstream that has to be."""
        return RequestBody(
            scope,
            receive,
            self._max_body_bytes[route.large],
            self._unfinished,
            on_complete=partial(deadline.set, self._response_timeout_seconds),
            on_given_up=partial(deadline.set, 0),
        )

    def _stream(self, scope: Scope, receive: Receive, deadline: Deadline) -> StreamedBody:
        """A body of any length, each piece of which has to come in time while there is no response."""
        return StreamedBody(
            scope,
            receive,
            self._unfinished,
            on_piece=partial(deadline.renew, self._body_timeout_seconds),
            on_complete=partial(deadline.renew, STREAM_SILENCE_SECONDS),
        )

    async def _exchange(
        self,
        scope: Scope,
        headers: list[Header],
        send: Send,
        upstream: Upstream,
        content: Content,
        deadline: Deadline,
        route: Route,
        *,
        streams: bool,
    ) -> None:
        repeatable = route.keyed and header(scope, IDEMPOTENCY_KEY) is not None
        asked = upstream.request(scope["method"], target_of(scope), headers, content, repeatable=repeatable)
        with await asked as response:
            deadline.clear()
            response.limit_silence(STREAM_SILENCE_SECONDS if streams else self._response_timeout_seconds)
            await relay(response, upstream, send, context_of(scope).limit_headers)


async def relay(response: UpstreamResponse, upstream: Upstream, send: Send, limit_headers: Iterable[Header]) -> None:
    """Sends the upstream's response to the client, and what the limit says.

    One that is malformed, or breaks off before it began, is an error; later, returning without its end makes the server
    cut the connection, which is the only way left to tell the client.
    """
    headers = response_headers(response.headers)
    headers += limit_headers
    start: Message = {"type": "http.response.start", "status": response.status, "headers": headers}
    if isinstance(response, WholeResponse) or is_small(headers):
        try:
            content = await response.read()
            await send(start)
        except (*BROKEN, ResponseError) as error:
            raise upstream.broken(error) from error
        await send({"type": "http.response.body", "body": content})
        return
    try:
        await send(start)
    except ResponseError as error:
        raise upstream.broken(error) from error
    try:
        async for chunk in response.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except (*BROKEN, ResponseError, TimeoutError) as error:
        log.warning("answer broke off", upstream=upstream.name, error=str(error) or type(error).__name__)
    except (Problem, ClientGoneError):
        return  # the client's own body was wrong, or ended, while it was already being answered


def is_small(headers: list[Header]) -> bool:
    """Whether a response has a length, and so small a one that it is read whole."""
    return any(name == b"content-length" and small_length(value) for name, value in headers)


def small_length(value: bytes) -> bool:
    """Whether this is a length, and a small one."""
    return len(value) < DIGITS and value.isdigit() and int(value) <= WHOLE_RESPONSE_BYTES
