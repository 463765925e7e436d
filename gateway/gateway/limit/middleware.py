"""ASGI middleware: asks the limiter, sets the headers; whoever has no room gets `too_many_requests`.

Headers: `RateLimit-Policy` and `RateLimit` (IETF httpapi draft 11), the older `X-RateLimit-*` for the window that is
nearest to its end (`Reset` in seconds), `Retry-After` on a refusal, `X-RateLimit-Scope: local` when this gateway
counted alone, `X-RateLimit-Dry-Run: refused` when nobody is refused and this request would have been.
"""

from functools import lru_cache
from math import ceil

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limit.refused import Reason, Refused
from gateway.limit.too_many_requests import Headers, TooManyRequests
from gateway.limit.window import Decision, Limiter, Policy, Source
from gateway.request.context import RequestContext, context_of
from shared.telemetry.loop_metrics import LoopCounter
from shared.tracing.span import span

WOULD_BE_REFUSED = (b"x-ratelimit-dry-run", b"refused")
"""Of a response to a request that only goes on because the limit only counts."""

WOULD_BE_REFUSALS = LoopCounter("ingress_dry_run_refusals", "Requests that the ingress limit would have refused")

log = structlog.get_logger()

KEPT_POLICIES = 64
"""Different policies of keys that are told without making their words anew."""

KEPT_HEADERS = 4096
"""Different states whose headers are kept: in whole seconds there are few, and making them anew takes its time."""


class IngressLimit:
    """Lets a request through to `app` if its client has room."""

    def __init__(
        self, app: ASGIApp, limiter: Limiter, policy: Policy, refused: Refused, *, dry_run: bool = False
    ) -> None:
        self._app, self._limiter, self._refused, self._dry_run = app, limiter, refused, dry_run
        self._policy, self._spoken = policy, Spoken(policy)
        self._spoken_of = lru_cache(KEPT_POLICIES)(Spoken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; who it counts for is in its context."""
        with span("limit") as spanned:
            decision = await self._limiter.decide(context_of(scope).counted_as)
            if spanned:
                spanned.set("modelserver.limit.outcome", "admitted" if decision.admitted else "refused")
                spanned.set("modelserver.limit.source", decision.source)
        spoken = self._spoken if decision.policy is self._policy else self._spoken_of(decision.policy)
        headers = spoken.headers_of(decision.remaining, tuple(map(ceil, decision.more_in_seconds)), decision.source)
        if not decision.admitted and self._dry_run:
            headers = (*headers, WOULD_BE_REFUSED)
            self._note(context_of(scope), decision)
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


class Spoken:
    """How a policy is told to those for whom it holds."""

    def __init__(self, policy: Policy) -> None:
        self._windows, self._names = policy.windows, policy_names(policy)
        self._policy_header = ", ".join(
            f'"{name}";q={window.quota};w={window.seconds}'
            for name, window in zip(self._names, self._windows, strict=True)
        ).encode()
        self.headers_of = lru_cache(KEPT_HEADERS)(self._make_headers)
        self.too_many_requests = TooManyRequests(self._names)

    def _make_headers(self, remaining: tuple[int, ...], more_in_seconds: tuple[int, ...], source: Source) -> Headers:
        """What every limited response says about the client's limit, in whole seconds."""
        state = zip(self._names, remaining, more_in_seconds, strict=True)
        limit = ", ".join(f'"{name}";r={left};t={more}' for name, left, more in state)
        nearest = min(range(len(self._windows)), key=lambda index: remaining[index])
        headers = (
            (b"ratelimit-policy", self._policy_header),
            (b"ratelimit", limit.encode()),
            (b"x-ratelimit-limit", b"%d" % self._windows[nearest].quota),
            (b"x-ratelimit-remaining", b"%d" % remaining[nearest]),
            (b"x-ratelimit-reset", b"%d" % more_in_seconds[nearest]),
        )
        return (*headers, (b"x-ratelimit-scope", b"local")) if source is Source.MEMORY else headers


def policy_names(policy: Policy) -> tuple[str, ...]:
    """`ingress`, or one name per window when there are several: names in these headers must differ."""
    if len(policy.windows) == 1:
        return ("ingress",)
    return tuple(f"ingress-{window.seconds}s" for window in policy.windows)
