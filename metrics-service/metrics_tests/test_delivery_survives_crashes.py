"""Receivers away, services killed: every alert arrives, in order per model, duplicates with the same id."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from metrics_tests.receiver import Received, Receiver
from metrics_tests.rows import Row, insert
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

MODELS = ("a", "b")
STORY = ["alert.opened", "alert.escalated", "alert.eased", "alert.closed"]
CHANGES = [
    ({"min_confidence_critical": 0.55}, "critical"),
    ({"min_confidence_critical": 0.1}, "warning"),
    ({"min_confidence_warning": 0.2}, None),
]
"""What is done to the thresholds of a model whose confidence is 0.5, and the severity that follows."""

AWAY_SECONDS = 60.0
"""How long the receiver is down. By then half a minute passes between two attempts."""


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def service(database: Database, receiver: Receiver, tmp_path: Path) -> Iterator[ServerProcess]:
    port = next(free_ports())
    environment = {
        **os.environ,
        "PORT": str(port),
        "DATABASE_URL": database.url("metrics_service").get_secret_value(),
        "ALERT_INTERVAL": "0.2",
        "ALERT_WEBHOOKS": receiver.url,
    }
    service = ServerProcess([sys.executable, "-m", "metrics_service"], port, tmp_path / "service.log", environment)
    service.start()
    yield service
    service.stop()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def restart(service: ServerProcess) -> None:
    service.kill()
    await asyncio.to_thread(service.start)


async def severities(service: ServerProcess) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as client:
        alerts = (await client.get("/metrics/alerts?state=open")).json()["alerts"]
    return {alert["model_name"]: alert["severity"] for alert in alerts}


async def all_are(service: ServerProcess, severity: str | None) -> None:
    async def reached() -> bool:
        return await severities(service) == ({} if severity is None else dict.fromkeys(MODELS, severity))

    await until(reached)


async def change_thresholds(service: ServerProcess, change: dict) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", headers=ADMIN) as client:
        for model in MODELS:
            answer = await client.put(f"/metrics/thresholds?model_name={model}", json=change)
            assert answer.status_code == 200


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_nothing_is_lost_while_the_receiver_is_away_for_a_minute_and_the_service_is_killed(
    database: Database, service: ServerProcess, receiver: Receiver
) -> None:
    away_since = time.monotonic()
    await insert(database, [Row(model_name=model, confidence=0.5) for model in MODELS for _ in range(20)])
    await all_are(service, "warning")
    for change, severity in CHANGES:
        await restart(service)
        await change_thresholds(service, change)
        await all_are(service, severity)

    async def away_for_a_minute() -> bool:
        return time.monotonic() - away_since >= AWAY_SECONDS

    await until(away_for_a_minute, seconds=AWAY_SECONDS + 10)
    await restart(service)
    kills = iter(range(3))

    def kill_before_the_answer(_: Received) -> None:
        """The first events are received, but nobody lives to note it."""
        if next(kills, None) is not None:
            service.kill()

    async def everything_arrived() -> bool:
        if service.process is not None and service.process.poll() is not None:
            await asyncio.to_thread(service.start)
        return len({received.id for received in receiver.received}) == len(MODELS) * len(STORY)

    receiver.before_answer = kill_before_the_answer
    with receiver:
        await until(everything_arrived, seconds=150)

    assert len(receiver.received) > len(MODELS) * len(STORY), "the kills made duplicates"
    first_seen = {received.id: received for received in reversed(receiver.received)}
    assert all(received.body == first_seen[received.id].body for received in receiver.received)
    for model in MODELS:
        order = list(dict.fromkeys(r.id for r in receiver.received if r.json()["data"]["model_name"] == model))
        assert [first_seen[event_id].json()["type"] for event_id in order] == STORY
