"""A rollout from shadow to everybody under load over three replicas, while replicas and Postgres are killed: no request
fails, every one gets the version that its user's hash has, and the audit has every change."""

import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import sqrt
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer
from tests.stack import REPOSITORY

NAME = "sentiment-lexicon"
ROLLOUT = f"/models/{NAME}/rollout"
STABLE, CANDIDATE = "1.0.0", "2.0.0"
REPLICAS, CALLERS = 3, 12
KNOWN_EVERYWHERE_SECONDS = 2.0
STAGE_REQUESTS = 500
"""Of each share: enough that a tenth of them is told from a twelfth."""

SIGMAS = 5
"""A share is further from its expectation once in two million draws."""

CANARY = {
    "mode": "canary", "stable_version": STABLE, "candidate_version": CANDIDATE, "sticky": "header:X-User",
}  # fmt: skip


@dataclass
class Load:
    """Users who ask one thing after the other, each once, of any replica; one that is dead is left for the next."""

    ports: list[int]
    rng: random.Random
    failed: list[str] = field(default_factory=list)
    answered: list[tuple[float, float, str, str, str]] = field(default_factory=list)
    """Sent, answered, user, version, id of the prediction."""
    cut_off: int = 0

    async def call(self, client: httpx.AsyncClient) -> None:
        while True:
            user, sent = f"{self.rng.getrandbits(64):x}", time.monotonic()
            response = await self.ask(client, user)
            if response.status_code != 200:
                self.failed.append(response.text)
                continue
            body = response.json()
            self.answered.append((sent, time.monotonic(), user, body["model_version"], body["prediction_id"]))

    async def killed(self, server: ServerProcess) -> None:
        """It dies, requests find out, and it gets none again until it is ready."""
        server.kill()
        await asyncio.sleep(0.5)
        self.ports.remove(server.port)
        await asyncio.to_thread(start, server)
        self.ports.append(server.port)

    async def ask(self, client: httpx.AsyncClient, user: str) -> httpx.Response:
        """As a load balancer asks: whoever does not answer at all is not asked again for this request."""
        ports = self.rng.sample(self.ports, len(self.ports))
        for port in ports:
            try:
                return await client.post(
                    f"http://127.0.0.1:{port}/predict", json={"text": "A fine day."}, headers={"X-User": user}
                )
            except httpx.ConnectError:  # it is not there
                continue
            except httpx.TransportError:  # it was killed while it had the request
                self.cut_off += 1
        return httpx.Response(503, text="no replica answers")


@asynccontextmanager
async def under_load(load: Load) -> AsyncIterator[None]:
    async with httpx.AsyncClient(timeout=20) as client:
        tasks = [asyncio.create_task(load.call(client)) for _ in range(CALLERS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Operator:
    """Changes policies and watches when all replicas have them."""

    def __init__(self, client: httpx.AsyncClient, ports: list[int]) -> None:
        self.client, self.ports = client, ports
        self.revision, self.slowest = 0, 0.0
        self.changes: list[tuple[str, str, float]] = []

    async def change(self, action: str, method: str, path: str, policy: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """When all have the new policy, and that policy."""
        reason = f"change {self.revision + 1}"
        body = policy | {"revision": self.revision, "reason": reason}
        answer = await self.client.request(method, self.at(0) + ROLLOUT + path, json=body)
        assert answer.status_code == 200, answer.text
        began = time.monotonic()
        self.revision = answer.json()["revision"]
        self.changes.append((action, reason, answer.json()["share"]))
        for replica in range(len(self.ports)):
            await self.until_followed(replica)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return time.monotonic(), answer.json()

    async def until_followed(self, replica: int) -> None:
        async with asyncio.timeout(20):
            while True:
                models = (await self.client.get(f"{self.at(replica)}/models")).json()
                if [policy["revision"] for policy in models["rollouts"]] == [self.revision]:
                    return
                await asyncio.sleep(0.02)

    def at(self, replica: int) -> str:
        return f"http://127.0.0.1:{self.ports[replica]}"


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_in(policy: dict[str, Any], user: str) -> bool:
    """Whether a user is in the candidate's share: what docs/rollouts.md says, in other words."""
    began = (datetime.fromisoformat(policy["started_at"]) - EPOCH) // timedelta(microseconds=1)
    digest = blake2b(f"{NAME}\0{began}\0{user}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 < policy["share"] / 100


def start(server: ServerProcess) -> None:
    """Until it has both versions, which takes its time on a busy machine."""

    def is_ready() -> bool:
        if not server.accepts():
            return False
        models = httpx.get(f"http://127.0.0.1:{server.port}/models", timeout=10).json()["models"]
        return {model["version"] for model in models} == {STABLE, CANDIDATE}

    server.start(is_ready, deadline_seconds=60)


@pytest.fixture
def replicas(database: Database, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Three processes of the service, each with a journal of its own."""
    models = tmp_path / "models"
    for version in (STABLE, CANDIDATE):
        shutil.copytree(REPOSITORY / "models" / NAME / "1.0.0", models / NAME / version)
    ports = free_ports()
    servers = []
    for number in range(REPLICAS):
        port = next(ports)
        environment = {
            "PORT": str(port), "TELEMETRY_PORT": "0", "DEFAULT_MODEL": NAME, "MODELS_DIR": str(models),
            "JOURNAL_DIR": str(tmp_path / f"journal-{number}"), "LOG_LEVEL": "WARNING",
            "DATABASE_URL": database.url("prediction_service").get_secret_value(),
        }  # fmt: skip
        servers.append(
            ServerProcess(
                [sys.executable, "-m", "prediction_service"], port, tmp_path / f"{number}.log", os.environ | environment
            )
        )
    with ThreadPoolExecutor() as starting:
        list(starting.map(start, servers))
    yield servers
    for server in servers:
        server.stop()


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_rollout_under_load_with_kills_in_between(
    replicas: list[ServerProcess], database: Database, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    ports = [server.port for server in replicas]
    load = Load(list(ports), random.Random(seed))
    stages: list[tuple[float, float, dict[str, Any]]] = []

    async def enough(since: float) -> None:
        async with asyncio.timeout(60):
            while sum(answered[0] > since for answered in load.answered[-2 * STAGE_REQUESTS :]) < STAGE_REQUESTS:
                await asyncio.sleep(0.05)

    async with httpx.AsyncClient(headers=ADMIN, timeout=20) as client, under_load(load):
        operator = Operator(client, ports)
        await operator.change("set", "PUT", "", {"mode": "pinned", "stable_version": STABLE})
        shares: list[tuple[str, float]] = [("shadow", 100), *(("canary", share) for share in (1, 10, 50, 100))]
        for mode, share in shares:
            since, policy = await operator.change("set", "PUT", "", CANARY | {"mode": mode, "share": share})
            if share == 10:
                await load.killed(replicas[1])
            if share == 50:
                postgres_server.kill()
                await load.killed(replicas[2])
                refused = await client.put(
                    operator.at(0) + ROLLOUT, json=CANARY | {"share": 60, "revision": operator.revision, "reason": "no"}
                )
                assert refused.status_code == 503
                known = (await client.get(f"{operator.at(2)}/models")).json()
                assert known["rollouts_known_from"] == "disk"
                await asyncio.to_thread(postgres_server.start_and_wait)
                for replica in range(REPLICAS):
                    await until_postgres(client, operator.at(replica))
            await enough(since)
            stages.append((since, time.monotonic(), policy))
        since, policy = await operator.change("promote", "POST", "/promote", {})
        await enough(since)
        stages.append((since, time.monotonic(), policy))
        events = (await client.get(operator.at(1) + f"{ROLLOUT}/history")).json()["events"][::-1]
        await until_recorded(database, [answered[4] for answered in load.answered])

    assert load.failed == []
    assert load.cut_off <= 2 * CALLERS, "at most those that were at one of two replicas when it was killed"
    for since, until, policy in stages:
        check_stage(load, since, until, policy)
    assert operator.slowest < KNOWN_EVERYWHERE_SECONDS
    assert [event["revision"] for event in events] == list(range(1, len(operator.changes) + 1))
    assert [(event["action"], event["reason"], event["policy"]["share"]) for event in events] == operator.changes
    print(f"{len(load.answered)} requests, {load.cut_off} asked twice, policy everywhere in {operator.slowest:.2f} s")


def check_stage(load: Load, since: float, until: float, policy: dict[str, Any]) -> None:
    """Between two policies every user has the version of their hash, and the share is that of a binomial."""
    inside = [one for one in load.answered if since < one[0] and one[1] < until]
    of_candidate = [one for one in inside if one[3] == CANDIDATE]
    wanted = {"pinned": 1.0, "shadow": 0.0, "canary": policy["share"] / 100}[policy["mode"]]
    if policy["mode"] == "canary":
        assert all((version == CANDIDATE) == is_in(policy, user) for _, _, user, version, _ in inside)
    off = abs(len(of_candidate) - wanted * len(inside))
    print(f"{policy['mode']} {policy['share']} %: {len(of_candidate)} of {len(inside)}")
    assert off <= SIGMAS * sqrt(len(inside) * wanted * (1 - wanted))


async def until_postgres(client: httpx.AsyncClient, address: str) -> None:
    async with asyncio.timeout(20):
        while (await client.get(f"{address}/models")).json()["rollouts_known_from"] != "postgres":
            await asyncio.sleep(0.05)


async def until_recorded(database: Database, ids: list[str]) -> None:
    """Every answered prediction is on record, those of the outage from the journals."""
    query = "SELECT prediction_id::text FROM predictions.prediction"
    async with asyncio.timeout(30):
        while set(ids) - {row[0] for row in await database.fetch(query)}:
            await asyncio.sleep(0.2)
