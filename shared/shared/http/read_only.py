"""Paths beside one such as `/predictions/{prediction_id}` that can only be read: it would take their names for ids."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.http.problems import Problem


class OnlyRead(Problem):
    """The path has no such method."""

    status = 405
    type = "about:blank"
    title = "Method Not Allowed"


async def refuse(request: Request) -> Response:
    """Raises OnlyRead."""
    raise OnlyRead(f"{request.url.path} can be read only.", headers={"Allow": "GET, HEAD"})


def only_read(router: APIRouter, path: str, *methods: str) -> None:
    """Refuses these methods at this path; stands before the routes that would take it."""
    router.add_route(path, refuse, methods=methods, include_in_schema=False)
