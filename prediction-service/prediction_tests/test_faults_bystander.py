"""Somebody asks for as much as may be asked, or sends what is meant to hurt: a bystander does not notice."""

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import httpx
import orjson
import psutil
import pytest

from prediction_tests.process import service_process
from prediction_tests.service import MODELS
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

EVERY_SECONDS = 0.05
SECONDS = 10
STANDSTILL_SECONDS = 3.0
"""Nobody may stand still for so long. What is usual is printed (`-s`): times depend on what else the machine does."""

MEMORY = 64 * 1024 * 1024

JSON = {"Content-Type": "application/json"}
GZIP = {"Content-Encoding": "gzip"}
TENSOR = b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[%b]}]}'


def batch(text: str, count: int) -> tuple[str, bytes, dict[str, str]]:
    return "/predict/batch", orjson.dumps({"texts": [text] * count}), JSON


def tensor(element: bytes, count: int) -> tuple[str, bytes, dict[str, str]]:
    return "/v2/models/sentiment/infer", gzip.compress(TENSOR % b",".join([element] * count)), GZIP


ATTACKS = {
    "100 times 10,000 dots": [batch("." * 10_000, 100)],
    "as many tokens as may be": [batch("." * 700, 256)],
    "the longest texts, one at a time": [("/predict", orjson.dumps({"text": "\U0001f600" * 10_000}), JSON)] * 3,
    "16 KB that would be millions of objects": [tensor(b"{}", 5_000_000)] * 4,
    "as many objects as may be inflated": [tensor(b"{}", 330_000)] * 4,
    "as many strings as may be inflated": [tensor(b'"a"', 250_000)] * 4,
}


@dataclass
class Seen:
    """What a bystander saw."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Iterator[ServerProcess]:
    process = service_process(
        database, tmp_path, MODELS_DIR=str(MODELS), DEFAULT_MODEL="sentiment", LOG_LEVEL="WARNING"
    )
    process.start()
    yield process
    process.stop()


async def watch(url: str, seconds: float) -> Seen:
    """20 requests a second, whatever becomes of those before."""
    seen = Seen()

    async def ask(client: httpx.AsyncClient) -> None:
        started = perf_counter()
        answer = await client.post("/predict", json={"text": "What a wonderful little server!"})
        seen.seconds.append(perf_counter() - started)
        if answer.status_code != 200:
            seen.failures.append(answer.text)

    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        tasks = []
        for _ in range(round(seconds / EVERY_SECONDS)):
            tasks.append(asyncio.create_task(ask(client)))
            await asyncio.sleep(EVERY_SECONDS)
        await asyncio.gather(*tasks)
    return seen


async def attack(url: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        while True:
            answer = await client.post(path, content=body, headers=headers)
            assert answer.status_code in {200, 400, 413, 503}
            await asyncio.sleep(1 if answer.status_code == 503 else 0.01)


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_bystander_does_not_stand_still(service: ServerProcess, name: str) -> None:
    url = f"http://127.0.0.1:{service.port}"
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    quiet = await watch(url, SECONDS / 2)
    memory, most = process.memory_info().rss, 0
    attacks = [asyncio.create_task(attack(url, *each)) for each in ATTACKS[name]]
    watching = asyncio.create_task(watch(url, SECONDS))
    while not watching.done():
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.02)
    for each in attacks:
        each.cancel()
    ended = await asyncio.gather(*attacks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
    seen = await watching
    print(f"quiet p99 {quiet.p99():.3f} s, attacked p99 {seen.p99():.3f} s, memory +{(most - memory) >> 20} MiB")
    assert seen.failures == []
    assert most - memory <= MEMORY
    assert seen.p99() <= STANDSTILL_SECONDS
