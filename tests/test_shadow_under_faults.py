"""A shadow at 100 % under load while a replica, Postgres and the candidate's own folder go: no request fails, nothing
of the shadow counts anywhere or twice, and the report says what is there."""

import asyncio
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer
from tests.replicas import (
    CALLERS,
    CANDIDATE,
    STABLE,
    Load,
    Operator,
    running,
    under_load,
    until_postgres,
    until_recorded,
)
from tests.stack import REPOSITORY, START_SECONDS

NAME, LABELS = "spam-words", ("ham", "spam")
ROLLOUT = f"/models/{NAME}/rollout"
REPLICAS = 2
STAGE_REQUESTS = 200
TEXTS = ("Win a free prize now, click here!", "See you at lunch tomorrow.")

SHADOW = {"mode": "shadow", "stable_version": STABLE, "candidate_version": CANDIDATE, "share": 100}

PAIRS = """
SELECT count(*) AS requests, count(DISTINCT prediction_id) AS different, count(*) FILTER (
    WHERE prediction.prediction_label = stable_label AND prediction.confidence = stable_confidence
) AS as_on_record
FROM predictions.shadow LEFT JOIN predictions.prediction USING (prediction_id)
"""
CONFUSION = """
SELECT stable_label AS stable, prediction_label AS candidate, count(*) AS predictions
FROM predictions.shadow WHERE error IS NULL GROUP BY 1, 2
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The candidate is the stable version with its labels exchanged: the two never agree."""
    root = tmp_path / "models"
    for version in (STABLE, CANDIDATE):
        shutil.copytree(REPOSITORY / "models" / NAME / STABLE, root / NAME / version)
    manifest = root / NAME / CANDIDATE / "model.toml"
    first, second = LABELS
    changed = manifest.read_text().replace(f'["{first}", "{second}"]', f'["{second}", "{first}"]')
    assert changed != manifest.read_text()
    manifest.write_text(changed)
    return root


@contextmanager
def metrics_service(database: Database, folder: Path) -> Iterator[str]:
    """Its URL."""
    port = next(free_ports())
    environment = {
        "PORT": str(port), "TELEMETRY_PORT": "0", "LOG_LEVEL": "WARNING",
        "DATABASE_URL": database.url("metrics_service").get_secret_value(),
    }  # fmt: skip
    command = [sys.executable, "-m", "metrics_service"]
    server = ServerProcess(command, port, folder / "metrics.log", os.environ | environment)
    try:
        server.start(deadline_seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture
def services(database: Database, models: Path, tmp_path: Path) -> Iterator[tuple[list[ServerProcess], str]]:
    with (
        running(REPLICAS, models, NAME, database, tmp_path) as replicas,
        metrics_service(database, tmp_path) as metrics,
    ):
        yield replicas, metrics


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_shadow_survives_kills_and_costs_nobody_an_answer(
    services: tuple[list[ServerProcess], str], models: Path, database: Database, postgres_server: PostgresServer
) -> None:
    replicas, metrics = services
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    load = Load([server.port for server in replicas], random.Random(seed), TEXTS)
    async with httpx.AsyncClient(headers=ADMIN, timeout=20) as client:
        operator = Operator(client, [server.port for server in replicas], NAME)
        await operator.change("set", "PUT", "", SHADOW)
        async with under_load(load):
            await until_answered(load)
            await load.killed(replicas[1])
            await until_answered(load)
            postgres_server.kill()
            await until_answered(load)
            await asyncio.to_thread(postgres_server.start_and_wait)
            for number in range(REPLICAS):
                await until_postgres(client, operator.at(number))
            await until_answered(load)

        extra = [await until_all_are_computed(client, operator.at(number), database) for number in range(REPLICAS)]
        ids = [*(answered[4] for answered in load.answered), *chain(*extra)]
        await until_recorded(database, ids)
        await check_shadow(database)
        await check_report(await report(client, metrics), database)

        async with under_load(load):
            await until_answered(load)
            shutil.rmtree(models / NAME / CANDIDATE)
            last = await until_rolled_back(client, operator.at(0))
            await until_answered(load)
        await until_recorded(database, [answered[4] for answered in load.answered])

    assert load.failed == []
    assert load.cut_off <= CALLERS, "at most those that were at the replica when it was killed"
    assert {answered[3] for answered in load.answered} == {STABLE}
    assert (last["action"], last["actor"], last["policy"]["mode"]) == ("rollback", "service", "pinned")
    await check_shadow(database)
    versions = await database.fetch("SELECT DISTINCT model_version FROM metrics.rollup")
    assert [row[0] for row in versions] == [STABLE], "in no aggregate"


async def until_answered(load: Load) -> None:
    """So many requests more."""
    enough = len(load.answered) + STAGE_REQUESTS
    async with asyncio.timeout(60):
        while len(load.answered) < enough:
            await asyncio.sleep(0.05)


async def until_all_are_computed(client: httpx.AsyncClient, replica: str, database: Database) -> list[str]:
    """Until a request that came after all others has its shadow: they wait in a row. The ids of those requests."""
    ids: list[str] = []
    async with asyncio.timeout(60):
        while not await database.fetch("SELECT FROM predictions.shadow WHERE prediction_id = ANY ($1::uuid[])", ids):
            answer = await client.post(f"{replica}/predict", json={"text": TEXTS[0]})
            ids.append(answer.raise_for_status().json()["prediction_id"])
            await asyncio.sleep(1)
    return ids


async def check_shadow(database: Database) -> None:
    """Each row is of one prediction on record, as that is there, and each prediction has one at most."""
    ((requests, different, as_on_record),) = await database.fetch(PAIRS)
    print(f"{requests} shadows")
    assert requests > 2 * REPLICAS
    assert different == as_on_record == requests


async def check_report(report: dict[str, Any], database: Database) -> None:
    """As counted by other words."""
    counted = [dict(row) for row in await database.fetch(CONFUSION)]
    shadow = report["shadow"]
    assert (report["mode"], report["candidate_version"]) == ("shadow", CANDIDATE)
    assert shadow["requests"] == sum(one["predictions"] for one in counted)
    assert (shadow["errors"]["value"], shadow["agreement"]["value"]) == (0, 0)
    assert sorted(shadow["confusion"], key=str) == sorted(counted, key=str)
    assert {(one["stable"], one["candidate"]) for one in counted} == {LABELS, LABELS[::-1]}


async def report(client: httpx.AsyncClient, metrics: str) -> dict[str, Any]:
    """Once the service has found Postgres back."""
    async with asyncio.timeout(30):
        while (answer := await client.get(f"{metrics}{ROLLOUT}/report")).status_code == 503:
            await asyncio.sleep(0.2)
    return answer.raise_for_status().json()


async def until_rolled_back(client: httpx.AsyncClient, replica: str) -> dict[str, Any]:
    """The last line of the audit once the candidate is no more."""
    async with asyncio.timeout(60):
        while True:
            events = (await client.get(f"{replica}{ROLLOUT}/history")).json()["events"]
            if events[0]["action"] != "set":
                return events[0]
            await asyncio.sleep(0.2)
