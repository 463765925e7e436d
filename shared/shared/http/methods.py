"""HEAD wherever there is a GET; OPTIONS, and every 405, say which methods a path has."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYTHING = "*"
"""The target of an OPTIONS that asks about the server."""


class Methods:
    """ASGI middleware of an application's own routes. `routes` are those that it stands before."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers OPTIONS; lets a HEAD be a GET, whose content the server leaves out."""
        if scope["type"] == "http":
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
            elif scope["method"] == "OPTIONS" and (allowed := allow(self.routes, scope)):
                headers = [(b"allow", f"{allowed}, OPTIONS".encode())]
                await send({"type": "http.response.start", "status": 204, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self.app(scope, receive, send)


def allow(routes: list[BaseRoute], scope: Scope) -> str:
    """The value of `Allow` for the path of a request; empty when there is no such path."""
    methods = [method for method in METHODS if scope["path"] == EVERYTHING or takes(routes, scope, method)]
    return ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])


def takes(routes: list[BaseRoute], scope: Scope, method: str) -> bool:
    """Whether some route takes this path with this method. Mounted files are only read."""
    asked = {**scope, "method": method, "root_path": scope.get("app_root_path", "")}  # mounts change it on the way
    return any(
        route.matches(asked)[0] is Match.FULL and (method == "GET" or not isinstance(route, Mount)) for route in routes
    )


def install_methods(app: Starlette) -> None:
    """Puts the middleware before the routes of `app`."""
    app.add_middleware(Methods, routes=app.routes)
