"""ASGI middleware: asks the limiter, says what the response tells of it; whoever has no room gets `too_many_requests`.

Headers: `RateLimit-Policy` and `RateLimit` (IETF httpapi draft 11), the older `X-RateLimit-*` for the window that is
nearest to its end (`Reset` in seconds), `Retry-After` on a refusal, `X-RateLimit-Scope: local` when this gateway
counted alone, `X-RateLimit-Dry-Run: refused` when nobody is refused and this request would have been.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from math import ceil

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.limit.failover import LimiterFailover
from gateway.limit.refused import Reason, Refused
from gateway.limit.spoken import Spoken
from gateway.limit.too_many_requests import RowsUnknown
from gateway.limit.window import Policy, PolicyOf
from gateway.request.context import RequestContext, context_of
from gateway.request.route_class import RouteClass
from shared.telemetry.loop_metrics import LoopCounter
from shared.tracing.span import span

WOULD_BE_REFUSED = (b"x-ratelimit-dry-run", b"refused")
"""Of a response to a request that only goes on because the limit only counts."""

WOULD_BE_REFUSALS = LoopCounter("ingress_dry_run_refusals", "Requests that the ingress limit would have refused")

log = structlog.get_logger()

KEPT_POLICIES = 64
"""Different policies of keys that are told without making their words anew."""

CountRows = Callable[[Scope, Receive], AbstractAsyncContextManager[tuple[int | None, Receive] | None]]
"""How many rows a prediction has (None: it is a stream, nobody knows), and how to read its body once more; in the place
of both None: the client has left."""


class IngressLimit:
    """Lets a request through to `app` if its client has room in all windows that count it.

    `policy` is of addresses; `note_refused` hears of which key a request is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: LimiterFailover,
        policy: Policy,
        policy_of: PolicyOf,
        refused: Refused,
        count_rows: CountRows,
        note_refused: Callable[[str], None],
        *,
        dry_run: bool = False,
    ) -> None:
        self._app, self._limiter, self._refused, self._dry_run = app, limiter, refused, dry_run
        self._policy, self._policy_of, self._count_rows = policy, policy_of, count_rows
        self._note_refused = note_refused
        self._spoken = {route_class: Spoken(policy, route_class) for route_class in RouteClass}
        self._spoken_of = lru_cache(KEPT_POLICIES)(Spoken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; who it counts for, and as what, is in its context."""
        context = context_of(scope)
        route_class, policy = context.route_class, self._policy_of(context.counted_as)
        if route_class not in policy.counts or route_class is None:
            await self._app(scope, receive, send)
        elif policy.has_rows and route_class is RouteClass.PREDICT:
            async with self._count_rows(scope, receive) as counted:
                if counted is not None:
                    await self._limited(scope, counted[1], send, context, route_class, counted[0])
        else:
            await self._limited(scope, receive, send, context, route_class, 1)

    async def _limited(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        context: RequestContext,
        route_class: RouteClass,
        rows: int | None,
    ) -> None:
        """One request, and its rows, as far as they are counted. Raises BatchBeyondLimit, RowsUnknown."""
        if rows is None:
            if not self._dry_run:
                raise RowsUnknown
            self._note(context, 0.0)
            context.limit_headers = (WOULD_BE_REFUSED,)
            await self._app(scope, receive, send)
            return
        with span("limit") as spanned:
            decision = await self._limiter.decide(context.counted_as, route_class, rows)
            if spanned:
                spanned.set("modelserver.limit.outcome", "admitted" if decision.admitted else "refused")
                spanned.set("modelserver.limit.source", decision.source)
        spoken = (
            self._spoken[route_class]
            if decision.policy is self._policy
            else self._spoken_of(decision.policy, route_class)
        )
        headers = spoken.headers_of(decision.remaining, tuple(map(ceil, decision.more_in_seconds)), decision.source)
        if not decision.admitted and self._dry_run:
            headers = (*headers, WOULD_BE_REFUSED)
            self._note(context, decision.retry_in_seconds)
        elif not decision.admitted:
            spoken.too_many_requests.require_possible(rows)
            self._refused[Reason.INGRESS] += 1
            if context.key is not None:
                self._note_refused(context.key.holder.key_id)
            await spoken.too_many_requests.respond(scope, send, decision, headers, rows)
            return
        context.limit_headers = headers
        await self._app(scope, receive, send)

    def _note(self, context: RequestContext, retry_in_seconds: float) -> None:
        """Somebody would have been refused."""
        WOULD_BE_REFUSALS.by_labels[()] += 1
        log.info(
            "ingress limit would have refused",
            client=context.client.address,
            counted_as=context.counted_as,
            retry_in_seconds=round(retry_in_seconds, 3),
        )
