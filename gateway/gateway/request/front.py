"""ASGI middleware at the door: who is calling, where to, limited or not. What no route takes, the gateway answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.limit.failed_tokens import FailedTokens
from gateway.limit.in_flight import RequestsInFlight
from gateway.limit.memory import MemoryLimiter
from gateway.proxy.headers import CLIENT_KEY, PEER_TRUSTED, forwarded_host
from gateway.request.client_address import ClientAddresses
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import WORKING_METHOD, find_route
from shared.http.foreign_pages import SAFE_METHODS, refuse_foreign_pages
from shared.http.request_id import headers_by_name
from shared.telemetry.requests import CLIENT_ADDRESS


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
        self.app, self.addresses, self.prefix, self.in_flight = app, addresses, prefix, in_flight
        self.allowed_origins = allowed_origins
        self.proxy, self.limited_proxy = proxy, limited_proxy
        self.guarded = FailedTokens(self._pass_on, wrong_tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client, scope[PEER_TRUSTED] = self.addresses.client_of(scope)
        scope[CLIENT_ADDRESS] = client.address
        scope[CLIENT_KEY] = client.limit_key
        if scope["method"] not in SAFE_METHODS:
            host = forwarded_host(scope)
            refuse_foreign_pages(scope["method"], headers_by_name(scope), host, self.allowed_origins)
        self.prefix.take_off(scope)
        self.in_flight.begin(client.limit_key)
        try:
            await self._taker(scope)(scope, receive, send)
        finally:
            self.in_flight.end(client.limit_key)

    def _taker(self, scope: Scope) -> ASGIApp:
        """Who answers this request."""
        route = find_route(scope["path"])
        if route is None:
            return self.app
        scope["route"] = route
        return self.guarded if route.guarded else self._proxy(scope)

    def _proxy(self, scope: Scope) -> ASGIApp:
        """The one with the limit for what makes a service work."""
        limited = scope["route"].limited and scope["method"] == WORKING_METHOD
        return self.limited_proxy if limited else self.proxy

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._proxy(scope)(scope, receive, send)
