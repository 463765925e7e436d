"""Receivers that are slow, hang, refuse or are not there cost those that are well nothing."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from metrics_tests.receiver import Received, Receiver
from metrics_tests.rows import Row, insert
from metrics_tests.service import client_of, settings_for
from shared.embedded.ports import free_ports
from shared.testing.postgres import Database

MODELS = 20
"""More than a receiver is sent at once."""

SOON = 2.5
"""Seconds; half of what a hanging receiver is given."""


class Timed(Receiver):
    """Notes when each event came, by the model and type it is about."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[tuple[str, str], float] = {}
        self.before_answer = self.note

    def note(self, received: Received) -> None:
        event = received.json()
        if isinstance(event, dict):
            happened = datetime.fromisoformat(event["timestamp"]).timestamp()
            self.seconds[event["data"]["model_name"], event["type"]] = time.time() - happened


@pytest.fixture
def healthy() -> Iterator[Timed]:
    with Timed() as receiver:
        yield receiver


@pytest.fixture
def hanging() -> Iterator[Receiver]:
    over = threading.Event()
    with Receiver() as receiver:
        receiver.before_answer = lambda _: over.wait(60) and None
        yield receiver
        over.set()


@pytest.fixture
def refusing() -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.status = 500
        yield receiver


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def unsure(models: range) -> list[Row]:
    return [Row(confidence=0.3, model_name=f"model-{number}") for number in models for _ in range(20)]


async def test_a_healthy_one_hears_at_once_beside_hanging_refusing_and_absent_ones_with_a_backlog(
    database: Database, healthy: Timed, hanging: Receiver, refusing: Receiver
) -> None:
    """Eight that hang would take 128 connections at once."""
    bad = [f"{hanging.url}/{number}" for number in range(8)]
    bad += [refusing.url, f"http://127.0.0.1:{next(free_ports())}/nobody"]
    settings = settings_for(database, alert_interval=0.1, alert_webhooks=" ".join([*bad, healthy.url]))
    async with client_of(settings):
        await insert(database, unsure(range(MODELS)))
        await until(lambda: len(healthy.seconds) == MODELS)
        await until(lambda: len({received.path for received in hanging.received}) == 8)
        await insert(database, unsure(range(MODELS, MODELS + 5)))
        await until(lambda: len(healthy.seconds) == MODELS + 5)
    assert max(healthy.seconds.values()) < SOON, healthy.seconds
    assert len(healthy.received) == MODELS + 5, "each once"


async def test_one_that_refuses_is_asked_one_thing_at_a_time_until_it_says_yes_and_gets_everything_then(
    database: Database, refusing: Receiver
) -> None:
    lock, active, at_once = threading.Lock(), 0, []

    def slowly(_: Received) -> None:
        nonlocal active
        with lock:
            active += 1
            at_once.append(active)
        time.sleep(0.05)
        with lock:
            active -= 1

    refusing.before_answer = slowly
    settings = settings_for(database, alert_interval=0.1, alert_webhooks=refusing.url)
    async with client_of(settings):
        await insert(database, unsure(range(MODELS)))
        await until(lambda: len(at_once) >= 16 + 4)
        assert set(at_once[16:]) == {1}, "of those that were due at first, up to 16 were sent together"
        tried = len(refusing.received) - 1  # the last one may be answered with what comes now
        refusing.status = 204
        await until(lambda: len({received.id for received in refusing.received[tried:]}) == MODELS)


@pytest.mark.parametrize("prefix", ["", "alertmanager+"])
async def test_an_alertmanager_hears_at_once_beside_one_that_hangs(
    database: Database, healthy: Timed, hanging: Receiver, prefix: str
) -> None:
    urls = f"alertmanager+{hanging.url} {prefix}{healthy.url}"
    settings = settings_for(database, alert_interval=0.1, alert_webhooks=urls, alert_resend_seconds=3600)
    async with client_of(settings):
        for number in range(3):
            started = time.monotonic()
            await insert(database, unsure(range(number, number + 1)))
            await until(lambda told=number: any(f"model-{told}" in body(one) for one in healthy.received))
            assert time.monotonic() - started < SOON


def body(received: Received) -> str:
    return json.dumps(received.json())
