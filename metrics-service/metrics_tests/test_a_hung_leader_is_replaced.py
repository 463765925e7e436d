"""A replica that stands still loses the lead, and does not get in the way when it goes on."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from metrics_service.maintenance.leader import LEASE_SECONDS
from shared.database import locks
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

HOLDER = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = $1"
)


@pytest.fixture
def replicas(database: Database, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    ports = free_ports()
    url = database.url("metrics_service").get_secret_value()
    replicas = []
    for number in range(2):
        port = next(ports)
        environment = {**os.environ, "PORT": str(port), "DATABASE_URL": url}
        command = [sys.executable, "-m", "metrics_service"]
        replicas.append(ServerProcess(command, port, tmp_path / f"{number}.log", environment))
    yield replicas
    for replica in replicas:
        replica.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LEASE_SECONDS * 3):
        while not await condition():
            await asyncio.sleep(0.1)


@pytest.mark.faults
async def test_the_other_replica_takes_over_from_one_that_hangs(
    database: Database, replicas: list[ServerProcess]
) -> None:
    async def holders() -> list[int]:
        return [row["pid"] for row in await database.fetch(HOLDER, locks.LEADER)]

    first, second = replicas
    await asyncio.to_thread(first.start)

    async def somebody_leads() -> bool:
        return len(await holders()) == 1

    await until(somebody_leads)
    before = await holders()
    await asyncio.to_thread(second.start)
    first.pause()

    async def somebody_else_leads() -> bool:
        return bool(now := await holders()) and now != before

    await until(somebody_else_leads)
    after = await holders()
    first.resume()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{first.port}/health")).status_code == 200
    assert await holders() == after
