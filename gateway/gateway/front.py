"""ASGI middleware at the door: who is calling, where to, limited or not. What no route takes, the gateway answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.limit.failed_tokens import FailedTokens
from gateway.limit.in_flight import RequestsInFlight
from gateway.limit.memory import MemoryLimiter
from gateway.proxy.headers import forwarded_host
from gateway.request.client_address import ClientAddresses
from gateway.request.context import RequestContext, begin_context, context_of
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import WORKING_METHOD, Route, find_route
from shared.http.foreign_pages import SAFE_METHODS, refuse_foreign_pages
from shared.http.request_id import headers_by_name


class Front:
    """Sends each request to the limited proxy, to the proxy or to the gateway's own application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        addresses: ClientAddresses,
        prefix: PublicPrefix,
        allowed_origins: frozenset[bytes],
        in_flight: RequestsInFlight,
        proxy: ASGIApp,
        limited_proxy: ASGIApp,
        wrong_tokens: MemoryLimiter,
    ) -> None:
        self._app, self._addresses, self._prefix, self._in_flight = app, addresses, prefix, in_flight
        self._allowed_origins = allowed_origins
        self._proxy, self._limited_proxy = proxy, limited_proxy
        self._guarded = FailedTokens(self._pass_on, wrong_tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client, through_proxy = self._addresses.client_of(scope)
        context = begin_context(scope, client, through_proxy=through_proxy)
        if scope["method"] not in SAFE_METHODS:
            host = forwarded_host(scope, context)
            refuse_foreign_pages(scope["method"], headers_by_name(scope), host, self._allowed_origins)
        self._prefix.take_off(scope)
        self._in_flight.begin(client.limit_key)
        try:
            await self._taker(scope, context)(scope, receive, send)
        finally:
            self._in_flight.end(client.limit_key)

    def _taker(self, scope: Scope, context: RequestContext) -> ASGIApp:
        """Who answers this request."""
        route = context.route = find_route(scope["path"])
        if route is None:
            return self._app
        return self._guarded if route.guarded else self._proxy_for(scope["method"], route)

    def _proxy_for(self, method: str, route: Route) -> ASGIApp:
        """The one with the limit for what makes a service work."""
        return self._limited_proxy if route.limited and method == WORKING_METHOD else self._proxy

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = context_of(scope).route
        if route is None:
            raise RuntimeError("only requests with a route are passed on")
        await self._proxy_for(scope["method"], route)(scope, receive, send)
