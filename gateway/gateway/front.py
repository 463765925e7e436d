"""ASGI middleware at the door: who is calling, where to, whether it may, limited or not.

What no route takes, the gateway answers.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cors import answer_preflight, preflight_of
from gateway.keys.doorkeeper import Doorkeeper
from gateway.limit.exempt import Exempt
from gateway.limit.failed_tokens import FailedTokens
from gateway.limit.in_flight import RequestsInFlight
from gateway.limit.memory import MemoryLimiter
from gateway.limit.places import KeyPlaces
from gateway.limit.refused import Refused
from gateway.proxy.headers import forwarded_host
from gateway.request.access import FREE, of_own_path
from gateway.request.client_address import ClientAddresses
from gateway.request.context import RequestContext, begin_context
from gateway.request.identity import Identities
from gateway.request.origins import Origins
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import find_route
from shared.http.foreign_pages import SAFE_METHODS, refuse_foreign_pages
from shared.http.request_id import headers_by_name


class Front:
    """Sends each request to the limited proxy, to the proxy or to the gateway's own application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        addresses: ClientAddresses,
        identities: Identities,
        prefix: PublicPrefix,
        allowed_origins: Origins,
        page_origins: Origins,
        in_flight: RequestsInFlight,
        proxy: ASGIApp,
        limited_proxy: ASGIApp,
        doorkeeper: Doorkeeper,
        wrong_tokens: MemoryLimiter,
        refused: Refused,
        exempt: Exempt,
        key_places: KeyPlaces,
    ) -> None:
        self._app, self._addresses, self._prefix, self._in_flight = app, addresses, prefix, in_flight
        self._identities = identities
        self._allowed_origins, self._page_origins = allowed_origins, page_origins
        self._doorkeeper, self._exempt, self._key_places = doorkeeper, exempt, key_places
        tokens = FailedTokens(wrong_tokens, refused)
        self._proxies = {False: proxy, True: limited_proxy}
        self._guarded_proxies = {limited: tokens.before(proxy) for limited, proxy in self._proxies.items()}
        self._guarded_app = tokens.before(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client, hops = self._addresses.client_of(scope)
        context = begin_context(scope, client, hops)
        if self._page_origins and (told := preflight_of(scope, self._page_origins)) is not None:
            await answer_preflight(send, told)
            return
        identity = self._identities.take_off(scope, through_proxy=context.through_proxy)
        if scope["method"] not in SAFE_METHODS:
            host = forwarded_host(scope, context)
            refuse_foreign_pages(scope["method"], headers_by_name(scope), host, self._allowed_origins)
        self._prefix.take_off(scope)
        self._in_flight.begin(client.limit_key)
        try:
            app = self._taker(scope, context, identity)
            key = context.key
            if key is None or key.max_in_flight is None or context.route is None:
                await app(scope, receive, send)
            else:
                async with self._key_places.one(key.holder.key_id, key.max_in_flight):
                    await app(scope, receive, send)
        finally:
            self._in_flight.end(client.limit_key)

    def _taker(self, scope: Scope, context: RequestContext, identity: str | None) -> ASGIApp:
        """Who answers this request, if it may go on; the ingress limit holds for what makes a service work.

        Raises what the doorkeeper raises.
        """
        route = context.route = find_route(scope["path"])
        access = of_own_path(scope["path"]) if route is None else route.access_of(scope["method"])
        context.key = self._doorkeeper.judge(scope, context.client, access, identity)
        if route is None:
            return self._app if access is FREE or context.key is not None else self._guarded_app
        proxies = self._guarded_proxies if route.guarded and context.key is None else self._proxies
        context.route_class = route.class_of(scope["method"])
        return proxies[context.route_class is not None and not self._exempt.is_everything_free_for(context)]
