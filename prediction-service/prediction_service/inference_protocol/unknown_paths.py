"""Paths and methods below /v2 that are not in the protocol: 404 or 405, in the protocol's form."""

from collections.abc import Collection

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from prediction_service.inference_protocol.errors import ProtocolRoute
from shared.telemetry.requests import METHODS


class NotInProtocol(HTTPException):
    """The protocol has no such path; or it has the path, but only with the methods in `allowed`."""

    def __init__(self, allowed: Collection[str]) -> None:
        if allowed:
            methods = ", ".join(sorted(allowed))
            super().__init__(405, f"This path takes {methods}.", headers={"Allow": methods})
        else:
            super().__init__(404, "There is nothing at this path.")


class FallbackRoute(ProtocolRoute):
    """Takes requests that no other route takes.

    It never matches more than partially (Starlette: right path, wrong method), so that it goes before no other route.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Partial instead of full."""
        match, child_scope = super().matches(scope)
        return (Match.PARTIAL if match is Match.FULL else match), child_scope


def add_unknown_paths(router: APIRouter) -> None:
    """The fallback. Add it first: of several partial matches Starlette takes the first."""

    async def not_in_protocol(path: str, request: Request) -> None:
        raise NotInProtocol(methods_at(router, request))

    methods, route = sorted(METHODS), FallbackRoute
    router.add_api_route(
        "/{path:path}", not_in_protocol, methods=methods, include_in_schema=False, route_class_override=route
    )


def methods_at(router: APIRouter, request: Request) -> set[str]:
    """The methods that the protocol has at the path of a request whose own method it does not have there."""
    routes = [route for route in router.routes if isinstance(route, APIRoute) and not isinstance(route, FallbackRoute)]
    matching = (route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL)
    return {method for route in matching for method in route.methods or ()}
