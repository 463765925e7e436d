"""`/docs`, `/redoc` and the documents they show. The assets come from a package: no internet is needed.

The pages may load what is ours and nothing else, and stand in nobody's frame.
"""

from collections.abc import Callable
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from gateway.docs.openapi import Document, ServiceDocuments, incomplete, merged, served_at
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import UpstreamName
from shared.http.problems import Problem, problem_response

ASSETS, PAGE_FILES = "/docs/assets", "/docs/page"
PAGES = Path(__file__).parent / "page"

PAGE_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",  # both pages style their elements one by one
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",  # Redoc's search
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class DocumentUnavailable(Problem):
    """The service has not told its document yet."""

    status = 503
    title = "Service Unavailable"


def docs_router(own: Callable[[], Document], documents: ServiceDocuments, prefix: PublicPrefix) -> APIRouter:
    """The documents and the two pages."""
    router = APIRouter(include_in_schema=False)
    swagger_ui, redoc = page("docs.html"), page("redoc.html")

    @router.get("/openapi.json")
    async def whole(request: Request) -> JSONResponse:
        told = await documents.all()
        document = served_at(prefix.of(request.scope), merged(own(), told))
        missing = [name for name in UpstreamName if name not in told]
        if not missing:
            return JSONResponse(document)
        return JSONResponse(incomplete(document, missing), headers={"Cache-Control": "no-store"})

    @router.get("/openapi/{service}.json")
    async def one(service: UpstreamName, request: Request) -> JSONResponse:
        document = await documents.of(service)
        if document is None:
            raise DocumentUnavailable(f"The {service} cannot be reached.", headers={"Retry-After": "1"})
        return JSONResponse(served_at(prefix.of(request.scope), document))

    @router.get("/docs")
    async def get_swagger_ui(request: Request, service: UpstreamName | None = None) -> HTMLResponse:
        return below(prefix.of(request.scope), swagger_ui)

    @router.get("/redoc")
    async def get_redoc(request: Request) -> HTMLResponse:
        return below(prefix.of(request.scope), redoc)

    return router


def page(name: str) -> str:
    """The HTML of a page."""
    return (PAGES / name).read_text(encoding="utf-8")


def below(prefix: str, html: str) -> HTMLResponse:
    """A page for who sees the gateway below this prefix."""
    return HTMLResponse(html.replace("{{prefix}}", prefix), headers=PAGE_HEADERS)


RANGE_PROBLEMS = {400: "The Range is not valid.", 416: "The file has no bytes in this Range."}


class Assets(StaticFiles):
    """Files that are what their names say."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """As the base class, with a word to browsers that guess."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed through
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the base class, but for what it says in plain text about a Range: a problem like any other."""
        refused: Message | None = None

        async def send_problem(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in RANGE_PROBLEMS:
                refused = message
            elif refused is None:
                await send(message)

        await super().__call__(scope, receive, send_problem)
        if refused is not None:
            ranges = {name.decode(): value.decode() for name, value in refused["headers"] if name == b"content-range"}
            detail = RANGE_PROBLEMS[refused["status"]]
            path = scope["path"]
            await problem_response(refused["status"], instance=path, headers=ranges, detail=detail)(
                scope, receive, send
            )


def mount_assets(app: FastAPI) -> None:
    """Swagger UI's and Redoc's files, and those of our pages."""
    app.mount(ASSETS, Assets(directory=Path(fastapi_offline.__file__).parent / "static"))
    app.mount(PAGE_FILES, Assets(directory=PAGES))
