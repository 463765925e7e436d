"""A service that can be made to hang, in several ways: `python hanging_service.py`. Its start takes three seconds."""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp

from shared.service.assembly import create_service, run_service
from shared.service.health import HealthReport
from shared.settings.settings import ServiceSettings

START_SECONDS = 3


router = APIRouter()


@router.get("/sleep")
async def sleep_in_the_loop() -> None:
    time.sleep(60)  # noqa: ASYNC251 - this is what goes wrong


@router.get("/loop")
async def loop_without_end() -> None:
    while True:
        pass


@router.get("/lock")
async def wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@router.get("/expression")
async def evaluate_a_bad_expression() -> None:
    re.match("(a+)+$", "a" * 60 + "b")  # in C, and without giving up the interpreter


@router.get("/busy")
async def be_busy(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(10_000))
        await asyncio.sleep(0)
    return "done"


def create_app(settings: ServiceSettings) -> ASGIApp:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        time.sleep(START_SECONDS)  # noqa: ASYNC251 - as a slow import would
        yield

    return create_service(
        title="hanging",
        version="1.0.0",
        description="",
        routers=[router],
        health=HealthReport("hanging", "1.0.0"),
        lifespan=lifespan,
        admin_token=SecretStr("let-me-in"),
    )


if __name__ == "__main__":
    run_service("hanging", ServiceSettings, create_app)
