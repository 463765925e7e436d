"""What the gateway knows of a request once it has come through the door, for everybody on its further way."""

from dataclasses import dataclass

from starlette.types import Scope

from gateway.request.client_address import Client
from gateway.request.route_class import RouteClass
from gateway.request.routing import Route, UpstreamName
from gateway.request.shown_key import ShownKey
from shared.http.server.exchange import SCOPE_KEY, Exchange
from shared.telemetry.access_log import Described
from shared.telemetry.requests import route_and_client, route_of

CONTEXT_KEY = "gateway"


@dataclass(slots=True)
class RequestContext:
    """One request: who sent it, and where it goes."""

    client: Client
    hops: list[str] | None
    """Who is before a trusted proxy, as X-Forwarded-For says; None: the connection comes from nobody of that kind."""
    connection: Exchange
    """The client's side: it tells when the client has left."""
    route: Route | None = None
    """None: the gateway answers itself, or refuses the request before it looks where it goes."""
    route_class: RouteClass | None = None
    """As what limits count it; None: no limit does."""
    key: ShownKey | None = None
    """The key that came with it and may do what it asks; None: it goes on without one."""
    upstream: UpstreamName | None = None
    """The service that it was handed on to; None: the gateway has answered it itself."""
    limit_headers: tuple[tuple[bytes, bytes], ...] = ()
    """What the response of a service says besides of the limit that has let the request through."""

    @property
    def through_proxy(self) -> bool:
        """Whether the connection comes from a trusted proxy, whose X-Forwarded-* headers are believed."""
        return self.hops is not None

    @property
    def counted_as(self) -> str:
        """What the ingress limit counts it for: its key, where that has limits of its own, else its address."""
        if self.key is not None and self.key.counted_as is not None:
            return self.key.counted_as
        return self.client.limit_key

    @property
    def counts_for_address(self) -> bool:
        """Whether it is its address that is counted."""
        return self.key is None or self.key.counted_as is None


def begin_context(scope: Scope, client: Client, hops: list[str] | None) -> RequestContext:
    """The context of a request that has just come, kept in its scope."""
    context = scope[CONTEXT_KEY] = RequestContext(client, hops, scope[SCOPE_KEY])
    return context


def context_of(scope: Scope) -> RequestContext:
    """The context of a request that has come through the door."""
    context: RequestContext = scope[CONTEXT_KEY]
    return context


def describe_request(scope: Scope) -> Described:
    """What logs and metrics say of it: the public path, the client behind proxies, the id of its key, the service."""
    context: RequestContext | None = scope.get(CONTEXT_KEY)
    if context is None:
        return route_and_client(scope)
    route = route_of(scope) if context.route is None else context.route.path
    key_id = None if context.key is None else context.key.holder.key_id
    return route, context.client.address, key_id, context.upstream
