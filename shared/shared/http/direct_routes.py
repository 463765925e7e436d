"""The short way of a request: from the server to its endpoint, past a framework's layers that do nothing for it.

Exception handlers, exit stacks and a router that tries route after route took more of a short request's time than its
endpoint. What goes this way is found in a table; everything else, and every document, is the framework's as ever.
"""

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """A route that may be taken directly: `handle_directly` is its handler, if it needs nothing of the framework.

    What the handler raises is a Problem, or a surprise.
    """

    handle_directly: Handler | None = None

    def takes(self, scope: Scope) -> bool:
        """Whether a request to its path is this route's, and not that of another one behind it."""
        return True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As of every route, if it takes the request."""
        return super().matches(scope) if self.takes(scope) else (Match.NONE, {})


class Place(NamedTuple):
    """Routes of one path with one method, in their order; `path` is None where it has no parameters."""

    path: re.Pattern[str] | None
    routes: tuple[BaseRoute, ...]


class DirectRoutes:
    """ASGI middleware between what every request passes and the framework's `app`, whose routers these are."""

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self._app = app
        places = places_of(route for router in routers for route in router.routes)
        self._exact = {key: place.routes for key, place in places.items() if place.path is None}
        self._patterns = [(method, place) for (method, _), place in places.items() if place.path is not None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends what has no direct route to the application. Raises what the handler raises."""
        route = self._direct_route(scope) if scope["type"] == "http" else None
        if route is None or route.handle_directly is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        response = await route.handle_directly(Request(scope, receive, send))
        await response(scope, receive, send)

    def _direct_route(self, scope: Scope) -> DirectRoute | None:
        """The route of a request, if it can be taken directly; its parameters are in the scope then."""
        routes = self._exact.get((scope["method"], scope["path"])) or self._by_pattern(scope)
        for route in routes:
            if not isinstance(route, DirectRoute):
                return None
            if route.takes(scope):
                return route
        return None

    def _by_pattern(self, scope: Scope) -> tuple[BaseRoute, ...]:
        for method, place in self._patterns:
            if method == scope["method"] and place.path and (found := place.path.match(scope["path"])):
                scope["path_params"] = found.groupdict()
                return place.routes
        return ()


def places_of(routes: Iterable[BaseRoute]) -> Mapping[tuple[str, str], Place]:
    """By method and path template, those of which some route can be taken directly."""
    places: dict[tuple[str, str], Place] = {}
    for route in routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                before = places.get((method, route.path), Place(None, ())).routes
                pattern = route.path_regex if route.param_convertors else None
                places[method, route.path] = Place(pattern, (*before, route))
    return {key: place for key, place in places.items() if any(map(is_direct, place.routes))}


def is_direct(route: BaseRoute) -> bool:
    """Whether it has a handler that needs nothing of the framework."""
    return isinstance(route, DirectRoute) and route.handle_directly is not None
