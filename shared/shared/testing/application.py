"""A service in the test's own event loop, without a server: its start, its requests and its end are all real."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp, Message

TIMEOUT_SECONDS = 60


@asynccontextmanager
async def client_of_app(app: ASGIApp, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, which runs within the block; `headers` go with every request."""
    transport = httpx.ASGITransport(app)
    async with (
        running(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://service", timeout=TIMEOUT_SECONDS, headers=headers
        ) as client,
    ):
        yield client


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """A block between the start and the end of an application, as a server has them. Raises what these raise."""
    events, started = asyncio.Queue[Message](), asyncio.Event()

    async def told(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            started.set()

    life = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, events.get, told))
    await events.put({"type": "lifespan.startup"})
    start = asyncio.ensure_future(started.wait())
    await asyncio.wait((life, start), return_when=asyncio.FIRST_COMPLETED)
    start.cancel()
    try:
        if started.is_set():
            yield
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await life
