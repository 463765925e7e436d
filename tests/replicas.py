"""Replicas of the prediction-service with two versions of a model, users who ask them, and who changes the policy."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

STABLE, CANDIDATE = "1.0.0", "2.0.0"
CALLERS = 12


@dataclass
class Load:
    """Users who ask one thing after the other, each once, of any replica; one that is dead is left for the next."""

    ports: list[int]
    rng: random.Random
    texts: tuple[str, ...] = ("A fine day.",)
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
                body = {"text": self.rng.choice(self.texts)}
                return await client.post(f"http://127.0.0.1:{port}/predict", json=body, headers={"X-User": user})
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

    def __init__(self, client: httpx.AsyncClient, ports: list[int], model: str) -> None:
        self.client, self.ports, self.rollout = client, ports, f"/models/{model}/rollout"
        self.revision, self.slowest = 0, 0.0
        self.changes: list[tuple[str, str, float]] = []

    async def change(self, action: str, method: str, path: str, policy: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """When all have the new policy, and that policy."""
        reason = f"change {self.revision + 1}"
        body = policy | {"revision": self.revision, "reason": reason}
        answer = await self.client.request(method, self.at(0) + self.rollout + path, json=body)
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


def start(server: ServerProcess) -> None:
    """Until it has both versions, which takes its time on a busy machine."""

    def is_ready() -> bool:
        if not server.accepts():
            return False
        models = httpx.get(f"http://127.0.0.1:{server.port}/models", timeout=10).json()["models"]
        return {model["version"] for model in models} == {STABLE, CANDIDATE}

    server.start(is_ready, deadline_seconds=60)


@contextmanager
def running(count: int, models: Path, model: str, database: Database, folder: Path) -> Iterator[list[ServerProcess]]:
    """So many processes of the service, each with a journal of its own, until the block ends."""
    ports = free_ports()
    servers = []
    for number in range(count):
        port = next(ports)
        environment = {
            "PORT": str(port), "TELEMETRY_PORT": "0", "DEFAULT_MODEL": model, "MODELS_DIR": str(models),
            "JOURNAL_DIR": str(folder / f"journal-{number}"), "LOG_LEVEL": "WARNING",
            "DATABASE_URL": database.url("prediction_service").get_secret_value(),
        }  # fmt: skip
        servers.append(
            ServerProcess(
                [sys.executable, "-m", "prediction_service"], port, folder / f"{number}.log", os.environ | environment
            )
        )
    try:
        with ThreadPoolExecutor() as starting:
            list(starting.map(start, servers))
        yield servers
    finally:
        for server in servers:
            server.stop()


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
