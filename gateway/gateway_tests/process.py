"""The gateway as a process of its own, as it is run."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from gateway_tests.conftest import UpstreamServer, shares_its_limit
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database


@asynccontextmanager
async def gateway_server(
    database: Database, upstream: UpstreamServer, folder: Path, **variables: str
) -> AsyncIterator[ServerProcess]:
    """The process, once it shares its limit through Postgres."""
    port = next(free_ports())
    environment = {
        **os.environ,
        "PORT": str(port),
        "DATABASE_URL": database.url("gateway").get_secret_value(),
        **{f"{service}_URL": upstream.url for service in ("PREDICTION", "METRICS", "ANALYTICS")},
        "TRUSTED_PROXIES": "127.0.0.1",
        **variables,
    }
    process = ServerProcess([sys.executable, "-m", "gateway"], port, folder / f"{port}.log", environment)
    await asyncio.to_thread(process.start)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            while not await shares_its_limit(client):
                await asyncio.sleep(0.02)
        yield process
    finally:
        await asyncio.to_thread(process.stop)


@asynccontextmanager
async def gateway_process(
    database: Database, upstream: UpstreamServer, folder: Path, **variables: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with (
        gateway_server(database, upstream, folder, **variables) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=20) as client,
    ):
        yield client
