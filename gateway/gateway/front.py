"""ASGI middleware at the door: who is calling, where to, limited or not. What no route takes, the gateway answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.client_address import ClientAddresses
from gateway.forwarding import PEER_TRUSTED
from gateway.ingress_limit import CLIENT_KEY
from gateway.routing import WORKING_METHOD, find_route
from shared.runtime.problems import Problem
from shared.runtime.request_id import header
from shared.runtime.telemetry import CLIENT_ADDRESS


class WebSocketNotOffered(Problem):
    """No service behind this gateway speaks WebSocket."""

    status = 501
    title = "Not Implemented"


class Front:
    """Sends each request to the limited proxy, to the proxy or to the gateway's own application."""

    def __init__(self, app: ASGIApp, *, addresses: ClientAddresses, proxy: ASGIApp, limited_proxy: ASGIApp) -> None:
        self.app, self.addresses = app, addresses
        self.proxy, self.limited_proxy = proxy, limited_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes anything but HTTP through untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client, scope[PEER_TRUSTED] = self.addresses.client_of(scope)
        scope[CLIENT_ADDRESS] = client.address
        scope[CLIENT_KEY] = client.limit_key
        if (header(scope, b"upgrade") or b"").lower() == b"websocket":
            raise WebSocketNotOffered("WebSocket connections are not offered here.")
        route = find_route(scope["path"])
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        limited = route.limited and scope["method"] == WORKING_METHOD
        await (self.limited_proxy if limited else self.proxy)(scope, receive, send)
