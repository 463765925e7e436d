"""Below /v2 every expected error is `{"error": "…"}`, which is what this protocol's clients read."""

from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.http.direct_routes import DirectRoute, Handler
from shared.http.problems import Problem

ERROR_SCHEMA = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


class BadInference(Problem):
    """The request does not fit the protocol or the model."""

    status = 400
    title = "Bad Request"


class ProtocolRoute(DirectRoute):
    """A route whose expected errors have the protocol's form.

    An endpoint that needs its path's parameters and the request alone, and makes its own response, is called directly.
    """

    def get_route_handler(self) -> Handler:
        """The usual handler, with its problems translated."""
        if self._makes_its_own_response():
            self.handle_directly = with_errors(self._call_endpoint)
            return self.handle_directly
        return with_errors(super().get_route_handler())

    def _makes_its_own_response(self) -> bool:
        needed = self.dependant
        if any((needed.dependencies, needed.query_params, needed.header_params, needed.body_params)):
            return False
        return needed.request_param_name == "request" and get_type_hints(self.endpoint).get("return") is Response

    async def _call_endpoint(self, request: Request) -> Response:
        """The response of the endpoint: parameters of paths are text, as they come."""
        response: Response = await self.endpoint(request=request, **request.path_params)
        return response


def with_errors(handle: Handler) -> Handler:
    """The handler with its problems translated."""

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
