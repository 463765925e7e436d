"""A service in the test's own event loop, without a server: its start, its requests and its end are all real."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

TIMEOUT_SECONDS = 60


@asynccontextmanager
async def client_of_app(app: FastAPI, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, which runs within the block; `headers` go with every request."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://service", timeout=TIMEOUT_SECONDS, headers=headers
        ) as client,
    ):
        yield client
