"""kill -9 of replicas under load: whoever sends a request again until it is answered has one prediction on record."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from prediction_tests.outage import until_replayed
from prediction_tests.process import service_process
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database, PostgresServer

ROUNDS = 8
CALLERS = 8
STARTING_SECONDS = 60


class Callers:
    """Each asks under a new key, of any replica, again and again until it is answered; then once more, of another."""

    def __init__(self, urls: list[str], seed: int) -> None:
        self.urls, self._random = urls, random.Random(seed)
        self.stopped = self.failed = False
        self.ids: dict[str, set[str]] = {}

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            try:
                await asyncio.gather(*(self.call(client) for _ in range(CALLERS)))
            except BaseException:
                self.failed = True
                raise

    async def call(self, client: httpx.AsyncClient) -> None:
        while not self.stopped:
            key = str(uuid4())
            answers = [await self.until_answered(client, key) for _ in range(2)]
            self.ids[key] = {answer.json()["prediction_id"] for answer in answers}

    async def until_answered(self, client: httpx.AsyncClient, key: str) -> httpx.Response:
        while True:
            url = self._random.choice(self.urls)
            try:
                answer = await client.post(
                    f"{url}/predict", json={"text": "A fine day."}, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            assert answer.status_code == 200, answer.text
            return answer

    async def until_more(self, more: int) -> None:
        enough = len(self.ids) + more
        while len(self.ids) < enough and not self.failed:
            await asyncio.sleep(0.01)
        assert not self.failed


async def kill_and_start(service: ServerProcess) -> None:
    await asyncio.to_thread(service.kill)
    await asyncio.to_thread(service.start, deadline_seconds=STARTING_SECONDS)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("postgres_dies", [False, True])
async def test_every_key_has_one_prediction_however_often_replicas_are_killed(
    database: Database, postgres_server: PostgresServer, tmp_path: Path, postgres_dies: bool
) -> None:
    # The tests' server runs without it, and then forgets its last commits when it is killed.
    await postgres_server.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    replicas = [service_process(database, tmp_path / name, JOURNAL_DIR=str(tmp_path / "journal")) for name in "ab"]
    callers = Callers([f"http://127.0.0.1:{replica.port}" for replica in replicas], seed)
    load = asyncio.create_task(callers.run())
    try:
        for replica in replicas:
            replica.log.parent.mkdir(exist_ok=True)
            await asyncio.to_thread(replica.start, deadline_seconds=STARTING_SECONDS)
        for _ in range(ROUNDS):
            await callers.until_more(rng.randrange(20, 100))
            if postgres_dies:
                postgres_server.kill()
                await callers.until_more(rng.randrange(1, 30))
            await kill_and_start(rng.choice(replicas))
            if postgres_dies:
                await callers.until_more(rng.randrange(1, 30))
                await asyncio.to_thread(postgres_server.start_and_wait)
        await callers.until_more(50)
        callers.stopped = True
        await load
        await until_replayed(tmp_path / "journal")
    finally:
        load.cancel()
        print(await asyncio.gather(load, return_exceptions=True))
        for replica in replicas:
            await asyncio.to_thread(replica.stop)
    rows = Counter(str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction"))
    assert set(rows.values()) == {1}
    told = set().union(*callers.ids.values())
    assert told <= set(rows)
    if not postgres_dies:
        assert len(rows) == len(told) == len(callers.ids)
    else:  # what was committed just before Postgres died is out of everybody's reach until it is back
        assert len(rows) - len(callers.ids) <= 2 * ROUNDS * CALLERS
