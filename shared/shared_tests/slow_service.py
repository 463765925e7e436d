"""A service whose endpoints take their time, or fail: `python slow_service.py`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Body, FastAPI, Response
from fastapi.responses import StreamingResponse
from pydantic import SecretStr
from starlette.types import ASGIApp

from shared.service.assembly import create_service, run_service
from shared.service.health import HealthReport
from shared.settings.behind_the_gateway import SettingsBehindTheGateway
from shared.settings.settings import ServiceSettings


def create_app(settings: ServiceSettings) -> ASGIApp:
    router = APIRouter()

    @router.get("/slow")
    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @router.get("/stream")
    async def stream(seconds: float) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "begun"
            await asyncio.sleep(seconds)
            yield "done"

        return StreamingResponse(pieces())

    @router.get("/status/{status}")
    async def answer(status: int) -> Response:
        return Response(status_code=status)

    @router.get("/fail")
    async def fail() -> None:
        raise RuntimeError("as it was asked")

    @router.post("/take")
    async def take(text: Annotated[str, Body()]) -> str:
        return text

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        structlog.get_logger().info("last words")

    return create_service(
        title="slow",
        version="1.0.0",
        description="",
        routers=[router],
        health=HealthReport("slow", "1.0.0"),
        lifespan=lifespan,
        admin_token=SecretStr("let-me-in"),
    )


if __name__ == "__main__":
    run_service("slow", SettingsBehindTheGateway, create_app)
