"""ASGI middleware: who keeps sending wrong tokens is refused for a while, before any service sees another one.

It stands in the gateway because only the gateway knows who calls: behind it, all requests come from one address. It
needs no token of its own: a service that does not accept one says 401. A try counts from when it is sent on until its
response says that it was no failure; one whose client leaves before the response has failed, for nobody knows. Tries
beyond the bound wait for the outcome of those under way, so many at the same time are bounded, and right ones never
refused. Each gateway counts alone, in memory of fixed size.
"""

import asyncio
from collections import defaultdict, deque
from functools import partial
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limit.memory import MemoryLimiter, Slots
from gateway.limit.refused import Reason, Refused
from gateway.request.context import context_of
from shared.http.problems import QUOTA_EXCEEDED, Problem
from shared.http.request_id import header
from shared.telemetry.loop_metrics import LoopCounter

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


def too_many(tries: MemoryLimiter, refused: Refused, client: str) -> TooManyWrongTokens:
    """The refusal of a client that has no try left, counted."""
    REFUSALS.by_labels[()] += 1
    refused[Reason.WRONG_TOKENS] += 1
    return TooManyWrongTokens(max(ceil(tries.decision(client, admitted=False).retry_in_seconds), 1))


class Underway:
    """The tries of one client that have no outcome yet, and who waits for one."""

    def __init__(self) -> None:
        self.tries = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def wake_all(self) -> None:
        """There is an outcome: whoever waits looks again."""
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_result(None)


class FailedTokens:
    """Lets requests with an `Authorization` header through only while their client has tries left."""

    def __init__(self, tries: MemoryLimiter, refused: Refused) -> None:
        self._tries, self._refused = tries, refused
        self._underway: defaultdict[str, Underway] = defaultdict(Underway)  # mutable: clients with tries under way only

    def before(self, app: ASGIApp) -> ASGIApp:
        """`app`, for requests that come through; it raises TooManyWrongTokens for the others."""
        return partial(self._pass_on, app)

    async def _pass_on(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if header(scope, b"authorization") is None:
            await app(scope, receive, send)
            return
        client = context_of(scope).client.limit_key
        tried = await self._begin(client)
        failed = True

        async def notice_outcome(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                failed = message["status"] == UNAUTHORIZED
            await send(message)

        try:
            await app(scope, receive, notice_outcome)
        except Problem:  # the gateway's own response: no service has judged the token
            failed = False
            raise
        finally:
            self._end(client, tried, failed=failed)

    async def _begin(self, client: str) -> Slots:
        """Takes one of the client's tries, waiting for the outcome of others if they have all. Raises the 429."""
        underway = self._underway[client]
        while (tried := self._tries.take(client)) is None:
            if not underway.tries:
                self._forget(client)
                raise too_many(self._tries, self._refused, client)
            future = asyncio.get_running_loop().create_future()
            underway.waiting.append(future)
            await future
            underway = self._underway[client]
        underway.tries += 1
        return tried

    def _end(self, client: str, tried: Slots, *, failed: bool) -> None:
        """A try has its outcome: one that has not failed is given back."""
        if not failed:
            self._tries.give_back(client, tried)
        underway = self._underway[client]
        underway.tries -= 1
        underway.wake_all()
        self._forget(client)

    def _forget(self, client: str) -> None:
        """Nothing is kept of a client without tries under way."""
        underway = self._underway.get(client)
        if underway is not None and not underway.tries and not underway.waiting:
            del self._underway[client]
