"""ASGI middleware at the door: who is calling, where to, limited or not. What no route takes, the gateway answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.limit.failed_tokens import FailedTokens
from gateway.limit.in_flight import RequestsInFlight
from gateway.limit.memory import MemoryLimiter
from gateway.limit.refused import Refused
from gateway.proxy.headers import forwarded_host
from gateway.request.client_address import ClientAddresses
from gateway.request.context import RequestContext, begin_context
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import WORKING_METHOD, find_route
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
        refused: Refused,
    ) -> None:
        self._app, self._addresses, self._prefix, self._in_flight = app, addresses, prefix, in_flight
        self._allowed_origins = allowed_origins
        tokens = FailedTokens(wrong_tokens, refused)
        self._proxies = {False: proxy, True: limited_proxy}
        self._guarded_proxies = {limited: tokens.before(app) for limited, app in self._proxies.items()}

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
        """Who answers this request; the ingress limit holds for what makes a service work."""
        route = context.route = find_route(scope["path"])
        if route is None:
            return self._app
        proxies = self._guarded_proxies if route.guarded else self._proxies
        return proxies[route.limited and scope["method"] == WORKING_METHOD]
