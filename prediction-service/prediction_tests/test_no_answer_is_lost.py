"""kill -9 of the service or of Postgres, under load: what was answered is on record exactly once, and no more."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx
import pytest

from prediction_service.records.journal import Journal
from prediction_tests.process import service_process
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database, PostgresServer

ROUNDS = 10
CALLERS = 12


class Callers:
    """They ask until they are told to stop, and note what was answered and what was left without an answer."""

    def __init__(self, url: str) -> None:
        self.url, self.stopped = url, False
        self.ids: list[str] = []
        self.unanswered = 0

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            await asyncio.gather(*(self.call(client) for _ in range(CALLERS)))

    async def call(self, client: httpx.AsyncClient) -> None:
        while not self.stopped:
            try:
                answer = await client.post("/predict", json={"text": "A fine day.", "include_metrics": False})
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
            except httpx.TransportError:
                self.unanswered += 1
            else:
                assert answer.status_code == 200, answer.text
                self.ids.append(answer.json()["prediction_id"])

    async def until_answered(self, more: int) -> None:
        enough = len(self.ids) + more
        while len(self.ids) < enough:
            await asyncio.sleep(0.01)


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_ten_kills_of_service_and_postgres_lose_nothing_and_double_nothing(
    database: Database, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    # The tests' server runs without it, and then forgets its last commits when it is killed.
    await postgres_server.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
    service, rng = service_process(database, tmp_path), random.Random(6)
    await asyncio.to_thread(service.start)
    callers = Callers(f"http://127.0.0.1:{service.port}")
    load = asyncio.create_task(callers.run())
    try:
        for number in range(ROUNDS):
            await callers.until_answered(rng.randrange(20, 200))
            if number % 2:
                await restart(service)
            else:
                await outage(service, postgres_server, callers, rng)
        await callers.until_answered(50)
        callers.stopped = True
        await load
        journal = Journal(tmp_path / "journal", 0)
        while journal.size():
            await asyncio.sleep(0.05)
    finally:
        load.cancel()
        await asyncio.to_thread(service.stop)
    rows = Counter(str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction"))
    assert set(rows.values()) == {1}
    assert set(callers.ids) - set(rows) == set()
    assert len(set(rows) - set(callers.ids)) <= callers.unanswered


async def restart(service: ServerProcess) -> None:
    await asyncio.to_thread(service.kill)
    await asyncio.to_thread(service.start)


async def outage(service: ServerProcess, postgres: PostgresServer, callers: Callers, rng: random.Random) -> None:
    """Postgres is killed; in the midst of it, at times, the service as well."""
    postgres.kill()
    await callers.until_answered(rng.randrange(20, 200))
    if rng.random() < 0.5:
        await restart(service)
        await callers.until_answered(20)
    await asyncio.to_thread(postgres.start_and_wait)
