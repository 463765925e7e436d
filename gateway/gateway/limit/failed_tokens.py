"""ASGI middleware: who keeps sending wrong tokens is refused for a while, before any service sees another one.

It stands in the gateway because only the gateway knows who calls: behind it, all requests come from one address. It
needs no token of its own: a service that does not accept one says 401. A try counts from when it is sent on until
its answer says that it was no failure, so tries at the same time are bounded like those one after the other. Each
gateway counts alone, in memory of fixed size.
"""

from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.forwarding import CLIENT_KEY
from gateway.memory_limiter import MemoryLimiter
from shared.runtime.loop_metrics import LoopCounter
from shared.runtime.problems import QUOTA_EXCEEDED, Problem
from shared.runtime.request_id import header

UNAUTHORIZED = 401

REFUSALS = LoopCounter("admin_token_refusals", "Requests of clients that had sent too many wrong tokens")


class TooManyWrongTokens(Problem):
    """This client has sent so many wrong tokens that not even the right one is looked at."""

    status = 429
    type = QUOTA_EXCEEDED
    title = "Too Many Requests"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many wrong tokens came from this client; the next one is looked at in {retry_after_seconds} s.",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class FailedTokens:
    """Passes requests on to `app`; those with an `Authorization` header only while their client has tries left."""

    def __init__(self, app: ASGIApp, tries: MemoryLimiter) -> None:
        self._app, self._tries = app, tries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; its client is in the scope. Raises TooManyWrongTokens."""
        if header(scope, b"authorization") is None:
            await self._app(scope, receive, send)
            return
        client = scope[CLIENT_KEY]
        tried = self._tries.take(client)
        if tried is None:
            REFUSALS.by_labels[()] += 1
            wait = self._tries.decision(client, admitted=False).retry_in_seconds
            raise TooManyWrongTokens(max(ceil(wait), 1))
        failed = False

        async def notice_failure(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                failed = message["status"] == UNAUTHORIZED
            await send(message)

        try:
            await self._app(scope, receive, notice_failure)
        finally:
            if not failed:
                self._tries.give_back(client, tried)
