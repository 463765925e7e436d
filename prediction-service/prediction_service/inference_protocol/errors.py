"""Below /v2 every expected error is `{"error": "…"}`, which is what this protocol's clients read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.http.problems import Problem

ERROR_SCHEMA = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


class BadInference(Problem):
    """The request does not fit the protocol or the model."""

    status = 400
    title = "Bad Request"


class ProtocolRoute(APIRoute):
    """A route whose expected errors have the protocol's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, with its problems translated."""
        handle = super().get_route_handler()

        async def handle_with_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return error_response(problem.status, problem.detail or problem.title, problem.headers)
            except HTTPException as error:
                return error_response(error.status_code, str(error.detail), dict(error.headers or {}))

        return handle_with_errors


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The protocol's error object."""
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def documented_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may return these statuses."""
    content = {"application/json": {"schema": ERROR_SCHEMA}}
    return {status: {"description": "See `error`", "content": content} for status in statuses}
