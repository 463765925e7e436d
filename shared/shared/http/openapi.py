"""A service's OpenAPI document: every error is a problem, every operation id is short and unique."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.contracts.problem import ProblemDetails
from shared.http.problems import MEDIA_TYPE

PROBLEM_SCHEMA = "ProblemDetails"
FRAMEWORK_ERROR = "HTTPValidationError"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may answer with problems of these statuses."""
    return {status: problem_response(status) for status in statuses}


def problem_response(status: int) -> dict[str, Any]:
    """One documented problem response."""
    reference = {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": reference}}}


def operation_id(route: APIRoute) -> str:
    """The endpoint function's name: what generated clients call their methods."""
    return route.name


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        app.openapi_schema = with_problems(document)
    return app.openapi_schema


def is_undocumented(response: dict[str, Any] | None) -> bool:
    """Whether the route itself says nothing about it, or only the framework does."""
    return response is None or FRAMEWORK_ERROR in str(response)


def refusals(operation: dict[str, Any]) -> tuple[int, ...]:
    """What an operation refuses whatever it does: a body that cannot be read, control characters in a path."""
    if "requestBody" in operation:
        return (400, 413, 415, 422)
    in_path = any(parameter["in"] == "path" for parameter in operation.get("parameters", ()))
    return (400, 422) if in_path else (422,)


def hoisted(body: dict[str, Any]) -> dict[str, Any]:
    """The definitions within a body's own schema, taken out of it: references are of the whole document."""
    found: dict[str, Any] = {}
    for content in body.get("content", {}).values():
        found |= content.get("schema", {}).pop("$defs", {})
    return found


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Replaces the framework's own form of a validation error by ours."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for framework_schema in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework_schema, None)
    for item in document.get("paths", {}).values():
        for operation in item.values():
            schemas.update(hoisted(operation.get("requestBody", {})))
            for status in refusals(operation):
                if is_undocumented(operation["responses"].get(str(status))):
                    operation["responses"][str(status)] = problem_response(status)
                # What a protocol says in a form of its own may come as a problem, too: from the layers before it.
                content = operation["responses"][str(status)].setdefault("content", {})
                content.setdefault(MEDIA_TYPE, problem_response(status)["content"][MEDIA_TYPE])
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas[PROBLEM_SCHEMA] = problem
    return document
