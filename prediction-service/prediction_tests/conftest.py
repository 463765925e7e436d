import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from prediction_service.batching.batcher import Batcher
from prediction_tests.gated_model import GatedRuntime, batcher_of
from prediction_tests.service import StartService, client_of, settings_for
from shared.testing.postgres import Database, PostgresServer


@pytest.fixture
async def start_service(database: Database, tmp_path: Path) -> AsyncIterator[StartService]:
    async with AsyncExitStack() as stack:

        async def start(**chosen: object) -> httpx.AsyncClient:
            return await stack.enter_async_context(
                client_of(settings_for(database, **{"journal_dir": tmp_path / "journal"} | chosen))
            )

        yield start


@pytest.fixture
async def postgres_away(postgres_server: PostgresServer) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Kills Postgres; awaiting the fixture's value brings it back, the end of the test at the latest."""
    postgres_server.kill()

    async def bring_back() -> None:
        if not await postgres_server.answers():
            await asyncio.to_thread(postgres_server.start_and_wait)

    yield bring_back
    await bring_back()


@pytest.fixture
async def client(start_service: StartService) -> httpx.AsyncClient:
    return await start_service()


@pytest.fixture
def runtime() -> GatedRuntime:
    return GatedRuntime()


@pytest.fixture
async def batcher(runtime: GatedRuntime) -> AsyncIterator[Batcher]:
    batcher = batcher_of(runtime)
    yield batcher
    runtime.gate.set()
    await batcher.close()
