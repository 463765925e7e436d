"""Below /v2 every expected error is `{"error": "…"}`, which is what this protocol's clients read."""

from collections.abc import Callable, Collection, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from shared.http.problems import Problem

ERROR_SCHEMA = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


class BadInference(Problem):
    """The request does not fit the protocol or the model."""

    status = 400
    title = "Bad Request"


class NotInProtocol(HTTPException):
    """Nothing is at this path, or nothing with this method: then `allowed` names those that there are."""

    def __init__(self, allowed: Collection[str]) -> None:
        if allowed:
            methods = ", ".join(sorted(allowed))
            super().__init__(405, f"This path takes {methods}.", headers={"Allow": methods})
        else:
            super().__init__(404, "There is nothing at this path.")


class ProtocolRoute(APIRoute):
    """A route whose expected errors have the protocol's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, its problems translated."""
        handle = super().get_route_handler()

        async def handle_with_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return error_response(problem.status, problem.detail or problem.title, problem.headers)
            except HTTPException as error:
                return error_response(error.status_code, str(error.detail), dict(error.headers or {}))

        return handle_with_errors


class FallbackRoute(ProtocolRoute):
    """Takes what no other route takes. It only ever half matches, so that no path is there because of it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Partial, where another route would match fully."""
        match, child_scope = super().matches(scope)
        return (Match.PARTIAL if match is Match.FULL else match), child_scope


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The protocol's error object."""
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def documented_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may answer with these."""
    content = {"application/json": {"schema": ERROR_SCHEMA}}
    return {status: {"description": "See `error`", "content": content} for status in statuses}
