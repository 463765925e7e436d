"""`GET /`: what this is and where to go on."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from gateway.request.public_prefix import PublicPrefix
from shared.http.strict_route import StrictRoute

NAME = "FastAPI Model Server"
LINKS = {
    "console": "/console",
    "docs": "/docs",
    "redoc": "/redoc",
    "openapi": "/openapi.json",
    "health": "/health",
    "models": "/models",
    "predict": "/predict",
    "metrics": "/metrics/aggregated",
    "analysis": "/analyze/performance",
}


class Home(BaseModel):
    """Name, version and links."""

    name: str
    version: str
    links: dict[str, str]


def home_router(version: str, prefix: PublicPrefix) -> APIRouter:
    """The front page; its links are what a client can ask for as they are."""
    router = APIRouter(tags=["system"], route_class=StrictRoute)

    @router.get("/", summary="Name, version, links")
    async def get_home(request: Request) -> Home:
        before = prefix.of(request.scope)
        return Home(name=NAME, version=version, links={name: before + path for name, path in LINKS.items()})

    return router
