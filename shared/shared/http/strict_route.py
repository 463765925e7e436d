"""The route class of every API: one way to read bodies and parameters, whatever the service.

Endpoints look like any other of FastAPI's, and so do their documents. What differs: the body is validated straight from
its bytes, as `json_body` says; query parameters that nobody knows are refused.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from typing import Annotated, Any, get_type_hints

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from shared.http.direct_routes import DirectRoute, Handler
from shared.http.json_body import JsonBody, check_parameters
from shared.http.json_structure import MAX_VALUES
from shared.http.problems import InvalidRequest
from shared.http.request_body import MAX_BYTES, check_json_type, read_body
from shared.http.written_json import WrittenJson


class StrictRoute(DirectRoute):
    """A route whose body and parameters are read strictly.

    A body model may say `max_body_bytes`, how large its JSON can be if not MAX_BYTES, and `max_values`, how many values
    it can have if not MAX_VALUES; and `other_types`, which another route of the same path takes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._options = options
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, but for the body; a short one for endpoints that need nothing else of it."""
        known = frozenset(parameter_names(self.dependant))
        has_body = bool(self.dependant.body_params)
        check_type = self._type_check() if has_body else None
        handle = self._with_strict_body() if has_body else super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            if request.scope["query_string"]:
                try:
                    check_parameters(request.query_params.multi_items(), known)
                except InvalidRequest:
                    if check_type is not None:
                        check_type(request)  # what the query means depends on it
                    raise
            return await handle(request)

        if has_body and self._needs_nothing_else:
            self.handle_directly = handle_strictly
        return handle_strictly

    def _type_check(self) -> Callable[[Request], None]:
        """Raises UnsupportedMediaType for a body of a type that is not taken."""
        (parameter,) = self.dependant.body_params
        body_type = get_type_hints(self.endpoint, include_extras=True)[parameter.name]
        others = getattr(body_type, "other_types", ())

        def check(request: Request) -> None:
            check_json_type(request, others)

        return check

    def _with_strict_body(self) -> Handler:
        """The handler of an endpoint that has a body."""
        (parameter,) = self.dependant.body_params
        hints, check_type = get_type_hints(self.endpoint, include_extras=True), self._type_check()
        body_type = hints[parameter.name]
        parameters = frozenset(parameter_names(self.dependant))
        body = JsonBody(body_type, getattr(body_type, "max_values", MAX_VALUES), parameters)
        max_bytes = getattr(body_type, "max_body_bytes", MAX_BYTES)

        async def read(request: Request) -> Any:
            check_type(request)
            return await read_body(request, body.parse, max_bytes)

        if self._needs_nothing_else:
            return short_way(self.endpoint, parameter.name, read, hints["return"])
        endpoint = with_body_from(self.endpoint, parameter.name, Annotated[body_type, Depends(read)])
        return APIRoute(self.path, endpoint, **self._options).get_route_handler()

    @cached_property
    def _needs_nothing_else(self) -> bool:
        """Whether the endpoint is of the form `(body: Model, request: Request) -> Model`, with the usual status.

        Or of the same with a response of its own making, WrittenJson, which `response_model` documents.
        """
        needed = self.dependant
        others = (needed.dependencies, needed.path_params, needed.query_params, needed.header_params)
        if any(others) or needed.request_param_name is None or needed.response_param_name is not None:
            return False
        result = get_type_hints(self.endpoint).get("return")
        return self.status_code in {None, 200} and inspect.isclass(result) and issubclass(result, WRITABLE)


WRITABLE = (BaseModel, WrittenJson)
"""What an endpoint that goes the short way may return."""


def short_way(endpoint: Callable[..., Any], name: str, read: Handler, result_type: type[Any]) -> Handler:
    """Reads, calls, writes: about a third of a short request's time is saved."""

    async def respond(request: Request) -> Any:
        return await endpoint(request=request, **{name: await read(request)})

    if issubclass(result_type, WrittenJson):
        return respond
    write = TypeAdapter(result_type).dump_json

    async def handle(request: Request) -> Response:
        return WrittenJson(write(await respond(request)))

    return handle


def with_body_from(endpoint: Callable[..., Any], name: str, source: Any) -> Callable[..., Any]:
    """The endpoint, with one parameter annotated anew."""

    @wraps(endpoint)
    async def call(**values: Any) -> Any:
        return await endpoint(**values)

    signature = inspect.signature(endpoint, eval_str=True)
    parameters = [
        parameter.replace(annotation=source) if parameter.name == name else parameter
        for parameter in signature.parameters.values()
    ]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # as inspect documents
    return call


def parameter_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of an endpoint and of all that it depends on."""
    for parameter in dependant.query_params:
        yield parameter.alias
    for dependency in dependant.dependencies:
        yield from parameter_names(dependency)
