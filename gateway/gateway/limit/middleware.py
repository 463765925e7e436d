"""ASGI middleware: asks the limiter, sets the headers; whoever has no room gets `too_many_requests`.

Headers: `RateLimit-Policy` and `RateLimit` (IETF httpapi draft 11), the older `X-RateLimit-*` for the window that is
nearest to its end (`Reset` in seconds), `Retry-After` on a refusal, `X-RateLimit-Scope: local` when this gateway
counted alone, `X-RateLimit-Dry-Run: refused` when nobody is refused and this request would have been.
"""

from functools import lru_cache
from math import ceil

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limit.failover import LimiterFailover
from gateway.limit.refused import Reason, Refused
from gateway.limit.spoken import Spoken
from gateway.limit.window import Decision, Policy, PolicyOf
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


class IngressLimit:
    """Lets a request through to `app` if its client has room in all windows that count it; `policy` is of addresses."""

    def __init__(
        self,
        app: ASGIApp,
        limiter: LimiterFailover,
        policy: Policy,
        policy_of: PolicyOf,
        refused: Refused,
        *,
        dry_run: bool = False,
    ) -> None:
        self._app, self._limiter, self._refused, self._dry_run = app, limiter, refused, dry_run
        self._policy, self._policy_of = policy, policy_of
        self._spoken = {route_class: Spoken(policy, route_class) for route_class in RouteClass}
        self._spoken_of = lru_cache(KEPT_POLICIES)(Spoken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; who it counts for, and as what, is in its context."""
        context = context_of(scope)
        client, route_class = context.counted_as, context.route_class
        if route_class is None or not self._policy_of(client).holds_for(route_class):
            await self._app(scope, receive, send)
            return
        with span("limit") as spanned:
            decision = await self._limiter.decide(client, route_class)
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
            self._note(context, decision)
        elif not decision.admitted:
            self._refused[Reason.INGRESS] += 1
            await spoken.too_many_requests.respond(scope, send, decision, headers)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _note(self, context: RequestContext, decision: Decision) -> None:
        """Somebody would have been refused."""
        WOULD_BE_REFUSALS.by_labels[()] += 1
        log.info(
            "ingress limit would have refused",
            client=context.client.address,
            counted_as=context.counted_as,
            retry_in_seconds=round(decision.retry_in_seconds, 3),
        )
