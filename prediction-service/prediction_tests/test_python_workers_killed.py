"""kill -9 of Python workers under load: no request of other models fails, and what was answered is on record once."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_tests.process import service_process
from prediction_tests.python_models import TEXT, children_of, cmdline, python_model
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS
from shared.testing.postgres import Database

ROUNDS = 10
CALLERS = 8
WORKERS = 2
CODE = "def predict(rows): return [{'yes': 0.75, 'no': 0.25} for row in rows]"


class Callers:
    """They ask two models, in turns, until they are told to stop."""

    def __init__(self, url: str) -> None:
        self.url, self.stopped = url, False
        self.ids: dict[str, list[str]] = {QUICK_DEFAULT: [], "own": []}
        self.failed = Counter[str]()

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            await asyncio.gather(*(self.call(client) for _ in range(CALLERS)))

    async def call(self, client: httpx.AsyncClient) -> None:
        while not self.stopped:
            for name, ids in self.ids.items():
                answer = await client.post("/predict", json={"text": "A fine day.", "model_name": name})
                if answer.status_code == 200:
                    ids.append(answer.json()["prediction_id"])
                else:
                    assert answer.json()["type"] == "urn:problem-type:model-failed", answer.text
                    self.failed[name] += 1

    async def until_answered(self, more: int) -> None:
        enough = {name: len(ids) + more for name, ids in self.ids.items()}
        while any(len(ids) < enough[name] for name, ids in self.ids.items()):
            await asyncio.sleep(0.01)


def worker_processes(service: int) -> list[psutil.Process]:
    """Guardians and workers of the service, each guardian before its worker."""
    guardians = [child for child in children_of(psutil.Process(service)) if "guardian" in cmdline(child)]
    return [process for guardian in guardians for process in (guardian, *children_of(guardian))]


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_ten_rounds_of_kills_cost_no_other_model_and_no_answer(database: Database, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    python_model(models, CODE, f"{TEXT}[batching]\nworkers = {WORKERS}\n")
    service, rng = service_process(database, tmp_path, MODELS_DIR=str(models)), random.Random(18)
    await asyncio.to_thread(service.start)
    callers = Callers(f"http://127.0.0.1:{service.port}")
    await until_served(callers.url)
    load = asyncio.create_task(callers.run())
    try:
        for _ in range(ROUNDS):
            await callers.until_answered(rng.randrange(20, 100))
            killed = rng.choice(worker_processes(service.pid))
            killed.kill()
            await callers.until_answered(20)
        while len(worker_processes(service.pid)) < 2 * WORKERS:
            await asyncio.sleep(0.02)
        callers.stopped = True
        await load
    finally:
        load.cancel()
        await asyncio.to_thread(service.stop)
    assert callers.failed[QUICK_DEFAULT] == 0
    assert callers.failed["own"] <= ROUNDS * CALLERS
    rows = Counter(str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction"))
    assert set(rows.values()) == {1}
    assert set(rows) == {prediction for ids in callers.ids.values() for prediction in ids}


async def until_served(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while len([model for model in (await client.get("/models")).json()["models"] if model["state"] == "ready"]) < 2:
            await asyncio.sleep(0.05)
