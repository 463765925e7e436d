"""`/docs`, `/redoc` and the documents they show. The assets come from a package: no internet is needed."""

from collections.abc import Callable
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from gateway.openapi import Document, ServiceDocuments, merged
from gateway.routing import UpstreamName
from shared.runtime.problems import Problem

ASSETS = "/docs/assets"
PAGE = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")


class DocumentUnavailable(Problem):
    """The service has not told its document yet."""

    status = 503
    title = "Service Unavailable"


def docs_router(own: Callable[[], Document], documents: ServiceDocuments) -> APIRouter:
    """The documents and the two pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def whole() -> JSONResponse:
        return JSONResponse(merged(own(), await documents.all()))

    @router.get("/openapi/{service}.json")
    async def one(service: UpstreamName) -> JSONResponse:
        known = await documents.all()
        if service not in known:
            raise DocumentUnavailable(f"The {service} cannot be reached.", headers={"Retry-After": "1"})
        return JSONResponse(known[service])

    @router.get("/docs")
    async def swagger_ui(service: UpstreamName | None = None) -> HTMLResponse:
        url = f"/openapi/{service}.json" if service else "/openapi.json"
        return HTMLResponse(PAGE.replace("{{url}}", url))

    @router.get("/redoc")
    async def redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url="/openapi.json",
            title="FastAPI Model Server",
            redoc_js_url=f"{ASSETS}/redoc.standalone.js",
            redoc_favicon_url=f"{ASSETS}/favicon.png",
            with_google_fonts=False,
        )

    return router


def mount_assets(app: FastAPI) -> None:
    """Swagger UI's and Redoc's files."""
    app.mount(ASSETS, StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))
