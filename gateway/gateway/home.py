"""`GET /`: what this is and where to go on."""

from fastapi import APIRouter
from pydantic import BaseModel

from shared.http.strict_route import StrictRoute

NAME = "FastAPI Model Server"
LINKS = {
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


def home_router(version: str) -> APIRouter:
    """The front page."""
    router = APIRouter(tags=["system"], route_class=StrictRoute)

    @router.get("/", summary="Name, version, links")
    async def get_home() -> Home:
        return Home(name=NAME, version=version, links=LINKS)

    return router
