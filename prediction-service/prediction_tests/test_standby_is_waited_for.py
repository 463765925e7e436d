"""A commit that gave up waiting for the standby is not taken for one that is safe there."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_service.records.journal import Journal
from prediction_service.settings import Settings
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS, client_of
from shared.testing.postgres import TEMPLATE, Database
from shared.testing.replication import Pair

TEXT = {"text": "A fine day."}
END_WAITING = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
UNSAFE_SECONDS = 6.0
"""Several attempts of the replay."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    for process in children_and(pair.standby.pid):
        process.resume()
    pair.stop()


async def ask(client: httpx.AsyncClient) -> str:
    answer = await client.post("/predict", json=TEXT)
    assert answer.status_code == 200, answer.text
    return answer.json()["prediction_id"]


@pytest.mark.faults
async def test_the_journal_keeps_what_the_standby_may_not_have(pair: Pair, tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        database_url=pair.url("prediction_service"),
        models_dir=QUICK_MODELS,
        default_model=QUICK_DEFAULT,
        journal_dir=tmp_path / "journal",
    )
    journal = Journal(tmp_path / "journal", 0)
    async with client_of(settings) as client:
        ids = [await ask(client)]
        for process in children_and(pair.standby.pid):
            process.suspend()
        ids.append(await ask(client))  # committed on the primary, but nobody said so in time: into the journal
        database = Database(pair.primary, TEMPLATE)
        await database.fetch(
            END_WAITING
        )  # as a restart does: it is committed, and nobody waits for the standby any more
        began = time.monotonic()
        while time.monotonic() - began < UNSAFE_SECONDS:
            assert journal.size() > 0, "the replay took the primary's word for the standby's"
            await asyncio.sleep(0.05)
        for process in children_and(pair.standby.pid):
            process.resume()
        async with asyncio.timeout(20):
            while journal.size():
                await asyncio.sleep(0.02)
        rows = await database.fetch("SELECT prediction_id::text FROM predictions.prediction ORDER BY 1")
        assert [row["prediction_id"] for row in rows] == sorted(ids)


def children_and(pid: int) -> list[psutil.Process]:
    return [*psutil.Process(pid).children(), psutil.Process(pid)]
