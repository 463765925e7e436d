"""Streams one request to its upstream and the answer back.

Ends the upstream's work when the client leaves; closes the client's connection when an answer breaks off half-way.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import structlog
from starlette.types import Message, Receive, Scope, Send

from gateway.forwarding import request_headers, response_headers, target_of
from gateway.request_body import ClientGoneError, RequestBody
from gateway.routing import Route, UpstreamName
from gateway.upstreams import Upstream

WHOLE_ANSWER_BYTES = 65_536
"""Answers up to this size are read whole before they are sent on: one write instead of several."""

log = structlog.get_logger()


class Proxy:
    """An ASGI application that answers with what the route's upstream answers."""

    def __init__(
        self,
        upstreams: Mapping[UpstreamName, Upstream],
        *,
        max_body_bytes: int,
        body_timeout_seconds: float,
        answer_timeout_seconds: float,
    ) -> None:
        self._upstreams = upstreams
        self._max_body_bytes, self._body_timeout_seconds = max_body_bytes, body_timeout_seconds
        self._answer_timeout_seconds = answer_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises the problems of RequestBody and Upstream while no answer has begun."""
        route: Route = scope["route"]
        upstream = self._upstreams[route.upstream]
        body = RequestBody(scope, receive, self._max_body_bytes, self._body_timeout_seconds)
        with suppress(ClientGoneError), upstream.slot():
            content = await body.open()
            try:
                async with ended_by_disconnect(receive, body, self._answer_timeout_seconds) as deadline:
                    answer = await upstream.request(scope["method"], target_of(scope), request_headers(scope), content)
                    async with answer:
                        deadline.reschedule(None)
                        await relay(answer, send)
            except TimeoutError as error:
                raise upstream.timeout() from error
            except Exception:
                if body.failure is not None:
                    raise body.failure from None
                raise


@asynccontextmanager
async def ended_by_disconnect(receive: Receive, body: RequestBody, seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """A block that ends with ClientGoneError when the client leaves and with TimeoutError after `seconds`."""
    gone = False

    async def watch(deadline: asyncio.Timeout) -> None:
        nonlocal gone
        await body.complete.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        deadline.reschedule(0)

    try:
        async with asyncio.timeout(seconds) as deadline:
            watcher = asyncio.create_task(watch(deadline))
            try:
                yield deadline
            finally:
                watcher.cancel()
    except TimeoutError:
        if gone:
            raise ClientGoneError from None
        raise


async def relay(answer: aiohttp.ClientResponse, send: Send) -> None:
    """Sends the upstream's answer to the client.

    One that breaks off before it began is an error; later, returning without its end makes the server cut the
    connection, which is the only way left to tell the client.
    """
    start: Message = {
        "type": "http.response.start",
        "status": answer.status,
        "headers": response_headers(answer.raw_headers),
    }
    if answer.content_length is not None and answer.content_length <= WHOLE_ANSWER_BYTES:
        content = await answer.read()
        await send(start)
        await send({"type": "http.response.body", "body": content})
        return
    await send(start)
    try:
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("answer broke off", error=str(error) or type(error).__name__)
        return
    await send({"type": "http.response.body", "body": b""})
