"""Errors as RFC 9457 `application/problem+json`; nothing internal ever leaves.

Every expected error is a subclass of Problem with a stable type and status. Whatever else is raised is a surprise: it
is logged with its traceback and answered with a bare 500.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.contracts.faults import in_words
from shared.contracts.problem import FieldError
from shared.http.methods import allow
from shared.http.request_id import current_request_id

MEDIA_TYPE = "application/problem+json"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
TEMPORARY_REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"

OPEN_INFERENCE = "/v2"
"""Clients of the Open Inference Protocol look for the reason in `error`; there every problem carries it as well."""

MAX_REPORTED_ERRORS = 20
"""A body can be wrong in thousands of places; this many are enough to mend it."""


class Problem(Exception):
    """An expected error. Subclasses fix `status`, `type` and `title`; an instance adds what happened this time."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "about:blank"
    title: ClassVar[str] = "Internal Server Error"

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.extensions = extensions


class Overloaded(Problem):
    """More work than can be done in time; the caller may come back."""

    status = 503
    type = TEMPORARY_REDUCED_CAPACITY
    title = "Temporary Reduced Capacity"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class InvalidRequest(Problem):
    """Well-formed, but not acceptable: `errors` says where and why."""

    status = 422
    title = "Unprocessable Content"

    def __init__(self, errors: Sequence[FieldError], detail: str = "The request is not valid; see errors.") -> None:
        super().__init__(detail, errors=[error.model_dump() for error in errors])


def problem_body(
    status: int,
    *,
    title: str | None = None,
    type: str = "about:blank",
    detail: str | None = None,
    instance: str | None = None,
    **extensions: Any,
) -> bytes:
    """The JSON of a problem, for code below the level of a framework."""
    body = {
        "type": type,
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": current_request_id.get() or None,
        **extensions,
    }
    if instance is not None and instance.startswith(OPEN_INFERENCE):
        body["error"] = detail or body["title"]
    return orjson.dumps({key: value for key, value in body.items() if value is not None}, default=str)


def problem_response(
    status: int, *, instance: str | None, headers: Mapping[str, str] | None = None, **fields: Any
) -> Response:
    """A problem as a response; `fields` are those of `problem_body`."""
    body = problem_body(status, instance=instance, **fields)
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> Response:
    """An expected error."""
    return response_to(cast("Problem", error), request.url.path)


def response_to(problem: Problem, path: str) -> Response:
    """What the client gets for an expected error."""
    return problem_response(
        problem.status,
        instance=path,
        headers=problem.headers,
        type=problem.type,
        title=problem.title,
        detail=problem.detail,
        **problem.extensions,
    )


async def on_validation_error(request: Request, error: Exception) -> Response:
    """A request that does not fit the contract: every fault with its place, never with its value."""
    faults = cast("RequestValidationError", error).errors()
    errors = [FieldError(location=place(fault["loc"]), message=in_words(fault)) for fault in faults]
    return response_to(InvalidRequest(errors[:MAX_REPORTED_ERRORS]), request.url.path)


def place(location: Sequence[int | str]) -> str:
    """`body.texts.3`, printable whatever the client put into a key."""
    return ".".join(str(part) for part in location).encode("utf-8", "replace").decode()[:200]


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework raises: unknown path, wrong method, a body that cannot be read."""
    http = cast("HTTPException", error)
    detail = http.detail if http.detail != HTTPStatus(http.status_code).phrase else None
    headers = dict(http.headers or {})
    if http.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allow(request.app.routes, request.scope)  # the framework tells those of one route only
    return problem_response(http.status_code, instance=request.url.path, headers=headers, detail=detail)


class NoResponse(Response):
    """Nothing is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The framework raises the error again after this."""


async def on_surprise(request: Request, error: Exception) -> Response:
    """What nobody expected is answered further out, by RequestMiddleware; the framework would say it in plain text."""
    return NoResponse()


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error that an endpoint raises a problem, but for surprises."""
    app.add_exception_handler(Exception, on_surprise)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
