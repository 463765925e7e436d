"""A canary whose candidate is bad, over two replicas under load: guards roll it back, and callers hardly see it."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database
from tests.stack import START_SECONDS

NAME, STABLE, CANDIDATE = "mood", "1.0.0", "2.0.0"
ROLLOUT = f"/models/{NAME}/rollout"
REPLICAS, CALLERS = 2, 8
ROLLED_BACK_SECONDS = 45

MANIFEST = 'labels = ["bad", "good"]\n[runtime]\nkind = "python"\n'

GOOD = """
    def predict(rows):
        return [{"good": 0.9, "bad": 0.1} for _ in rows]
"""

BAD = {
    "crashing": """
        import random

        def predict(rows):
            if any(row["text"].startswith("a day") and random.random() < 0.3 for row in rows):
                raise RuntimeError("as bad candidates do")
            return [{"good": 0.9, "bad": 0.1} for _ in rows]
    """,
    "slower": """
        import time

        def predict(rows):
            if any(row["text"].startswith("a day") for row in rows):
                time.sleep(0.4)
            return [{"good": 0.9, "bad": 0.1} for _ in rows]
    """,
    "wrong": """
        def predict(rows):
            return [{"good": 0.1, "bad": 0.9} for _ in rows]
    """,
}
"""Each is good on whatever it is tried with; only the callers' texts begin so."""

GUARDS = {"crashing": "error_rate", "slower": "p95", "wrong": "accuracy"}


@dataclass
class Load:
    """Users who ask one thing after the other; of what they get they say that it should have been `good`."""

    replicas: list[str]
    metrics: str
    rng: random.Random
    judges: bool
    failed: list[str] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    to_judge: list[str] = field(default_factory=list)

    async def call(self, client: httpx.AsyncClient) -> None:
        while True:
            user = f"{self.rng.getrandbits(64):x}"
            answer = await client.post(
                f"{self.rng.choice(self.replicas)}/predict",
                json={"text": f"a day of {user}", "model_name": NAME},
                headers={"X-User": user},
            )
            if answer.status_code != 200:
                self.failed.append(answer.text)
                continue
            body = answer.json()
            self.versions[body["model_version"]] += 1
            self.to_judge.append(body["prediction_id"])
            await asyncio.sleep(0.02)

    async def judge(self, client: httpx.AsyncClient) -> None:
        while True:
            await asyncio.sleep(0.3)
            said = [{"prediction_id": one, "label": "good"} for one in self.to_judge[:500]]
            del self.to_judge[:500]
            if said and self.judges:
                answer = await client.post(f"{self.metrics}/feedback/batch", json={"feedback": said}, headers=ADMIN)
                assert answer.status_code == 200, answer.text

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=20) as client:
            tasks = [asyncio.create_task(self.call(client)) for _ in range(CALLERS)]
            tasks.append(asyncio.create_task(self.judge(client)))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []


@pytest.fixture(params=list(BAD))
def how(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def models(how: str, tmp_path: Path) -> Path:
    for version, code in ((STABLE, GOOD), (CANDIDATE, BAD[how])):
        folder = tmp_path / "models" / NAME / version
        folder.mkdir(parents=True)
        (folder / "model.toml").write_text(MANIFEST)
        (folder / "model.py").write_text(dedent(code))
    return tmp_path / "models"


@pytest.fixture
def services(database: Database, models: Path, tmp_path: Path) -> Iterator[list[str]]:
    """URLs of the replicas, and of the metrics-service at the end."""
    ports, servers = free_ports(), []
    for number in range(REPLICAS + 1):
        port, is_metrics = next(ports), number == REPLICAS
        module = "metrics_service" if is_metrics else "prediction_service"
        environment = {
            "PORT": str(port), "TELEMETRY_PORT": "0", "DEFAULT_MODEL": NAME, "MODELS_DIR": str(models),
            "JOURNAL_DIR": str(tmp_path / f"journal-{number}"), "LOG_LEVEL": "WARNING",
            "DATABASE_URL": database.url(module).get_secret_value(),
        }  # fmt: skip
        servers.append(
            ServerProcess([sys.executable, "-m", module], port, tmp_path / f"{number}.log", os.environ | environment)
        )
    try:
        for server in servers:
            server.start(deadline_seconds=START_SECONDS)
        yield [f"http://127.0.0.1:{server.port}" for server in servers]
    finally:
        for server in servers:
            server.stop()


async def until_rolled_back(client: httpx.AsyncClient, url: str) -> dict:
    """The last line of the audit once the policy is no canary any more."""
    async with asyncio.timeout(ROLLED_BACK_SECONDS):
        while True:
            events = (await client.get(f"{url}{ROLLOUT}/history")).json()["events"]
            if events[0]["action"] != "set":
                return events[0]
            await asyncio.sleep(0.2)


async def until_both_are_loaded(client: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            models = (await client.get(f"{url}/models")).json()
            if {one["version"] for one in models["models"]} == {STABLE, CANDIDATE}:
                return
            await asyncio.sleep(0.1)


async def until_followed(client: httpx.AsyncClient, url: str, revision: int) -> None:
    async with asyncio.timeout(20):
        while True:
            found = (await client.get(f"{url}/models")).json()["rollouts"]
            if [policy["revision"] for policy in found] == [revision]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.faults
@pytest.mark.timeout(150)
async def test_a_bad_candidate_is_rolled_back_and_callers_hardly_see_it(
    services: list[str], how: str, database: Database
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    *replicas, metrics = services
    load = Load(replicas, metrics, random.Random(seed), judges=how == "wrong")
    canary = {
        "revision": 1, "mode": "canary", "stable_version": STABLE, "candidate_version": CANDIDATE, "share": 20,
        "sticky": "header:X-User", "reason": "a bad one",
    }  # fmt: skip
    async with httpx.AsyncClient(headers=ADMIN, timeout=20) as client:
        for url in replicas:
            await until_both_are_loaded(client, url)
        pinned = {"revision": 0, "mode": "pinned", "stable_version": STABLE, "reason": "the next has to prove itself"}
        assert (await client.put(replicas[0] + ROLLOUT, json=pinned)).status_code == 200
        for url in replicas:
            await until_followed(client, url, 1)
        async with load.lasting():
            answer = await client.put(replicas[0] + ROLLOUT, json=canary)
            assert answer.status_code == 200, answer.text
            event = await until_rolled_back(client, replicas[0])
            for url in replicas:
                await until_followed(client, url, event["revision"])
            load.versions.clear()
            while sum(load.versions.values()) < 100:
                await asyncio.sleep(0.05)
        alerts = (await client.get(f"{metrics}/metrics/alerts", params={"state": "open"})).json()["alerts"]
        (seen,) = (await client.get(f"{metrics}/metrics/rollouts")).json()["rollouts"]
    print(event["reason"])
    assert (event["actor"], event["action"]) == ("guard", "rollback")
    assert event["reason"].split(":")[0] == GUARDS[how]
    assert event["policy"]["stable_version"] == STABLE
    assert set(load.versions - Counter({CANDIDATE: CALLERS})) == {STABLE}, "but for those under way"
    errors = next(one for one in seen["guards"] if one["guard"] == "error_rate")
    assert not load.failed or len(load.failed) < 0.01 * errors["candidate_number"], load.failed[:3]
    failing = (errors["candidate"] or 0.0) > 0.1  # none: feedback condemned it before its requests were told
    assert failing == (how == "crashing")
    (alert,) = [one for one in alerts if one["signal"] == "rollout"]
    assert event["reason"] in alert["about"]
