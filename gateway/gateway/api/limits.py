"""`GET /limits`: a caller's own limits, and what is left of them."""

from enum import StrEnum

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.limit.exempt import Exempt
from gateway.limit.failover import LimiterFailover
from gateway.limit.spoken import window_names
from gateway.limit.window import Decision, Source
from gateway.request.context import RequestContext, context_of
from gateway.request.route_class import RouteClass
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute


class CountedFor(StrEnum):
    """Whose requests count together."""

    KEY = "key"
    ADDRESS = "address"
    NOBODY = "nobody"


class CountedBy(StrEnum):
    """Who knows what is counted."""

    ALL = "all"
    """All gateways together."""
    LOCAL = "local"
    """This gateway alone, while Postgres is away; as `X-RateLimit-Scope` says."""


class Unit(StrEnum):
    """What a window counts."""

    REQUESTS = "requests"
    ROWS = "rows"


class LimitWindow(BaseModel):
    """One of the windows that must all have room for a request which they count."""

    name: str = Field(description="As in `RateLimit` and `RateLimit-Policy`", examples=["ingress"])
    counts: list[RouteClass] = Field(description="Requests of these classes")
    unit: Unit = Field(description="`rows`: of predictions; a batch of 256 costs 256")
    quota: int = Field(description="At most so many in any stretch of `seconds`; `q` of RateLimit-Policy")
    seconds: int = Field(description="Its length; `w` of RateLimit-Policy")
    remaining: int = Field(description="How many more are admitted now; `r` of RateLimit")
    more_in_seconds: float = Field(
        description="When the oldest of what is counted ends counting; 0: nothing is counted; `t` of RateLimit"
    )


class OwnLimits(BaseModel):
    """The limits of who asks."""

    counted_for: CountedFor = Field(
        description="`key`: yours has limits of its own; `address`: that you come from; `nobody`: no limit holds"
    )
    counted_as: str | None = Field(
        description="The key's id, or the address as it is counted: of IPv6 a network; null: counted for nobody",
        examples=["192.0.2.1"],
    )
    counted_by: CountedBy | None = Field(description="null: counted for nobody")
    dry_run: bool = Field(description="Whether limits only count, and nobody is refused")
    windows: list[LimitWindow] = Field(description="Without any nothing is limited")
    max_in_flight: int | None = Field(
        description="Most requests in flight of your key, over all gateways; null: it has no bound of its own"
    )


def limits_router(limiter: LimiterFailover, exempt: Exempt, *, dry_run: bool) -> APIRouter:
    """What a caller may know of itself."""
    router = APIRouter(tags=["limits"], route_class=StrictRoute)

    @router.get("/limits", summary="Your own limits, and what is left of them", responses=problems(401, 503))
    async def get_limits(request: Request) -> OwnLimits:
        """Of the key that comes with the request, or else of the address it comes from. Asking counts for nobody."""
        context = context_of(request.scope)
        max_in_flight = None if context.key is None else context.key.max_in_flight
        if exempt.is_everything_free_for(context):
            return OwnLimits(
                counted_for=CountedFor.NOBODY,
                counted_as=None,
                counted_by=None,
                dry_run=dry_run,
                windows=[],
                max_in_flight=max_in_flight,
            )
        state = await limiter.look(context.counted_as)
        return OwnLimits(
            counted_for=CountedFor.ADDRESS if context.counts_for_address else CountedFor.KEY,
            counted_as=name_of(context),
            counted_by=CountedBy.LOCAL if state.source is Source.MEMORY else CountedBy.ALL,
            dry_run=dry_run,
            windows=windows_of(state),
            max_in_flight=max_in_flight,
        )

    return router


def name_of(context: RequestContext) -> str:
    """A key's id, or an address."""
    if context.key is None or context.counts_for_address:
        return context.client.limit_key
    return context.key.holder.key_id


def windows_of(state: Decision) -> list[LimitWindow]:
    """Each window of a policy, with what is left of it."""
    return [
        LimitWindow(
            name=name,
            counts=[route_class for route_class in RouteClass if route_class in window.counts],
            unit=Unit.ROWS if window.in_rows else Unit.REQUESTS,
            quota=window.quota,
            seconds=window.seconds,
            remaining=remaining,
            more_in_seconds=more,
        )
        for name, window, remaining, more in zip(
            window_names(state.policy), state.policy.windows, state.remaining, state.more_in_seconds, strict=True
        )
    ]
