"""Several processes of the service, as production runs them, and many callers at once."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.redis import RedisServer


class Replica(ServerProcess):
    """One process of the service."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        port = next(free_ports())
        command = [sys.executable, "-m", "analytics_service"]
        environment = os.environ | environment | {"PORT": str(port), "LOG_LEVEL": "WARNING"}
        super().__init__(command, port, folder / f"replica-{port}.log", environment)

    def talks_to(self, port: int) -> bool:
        """Whether it has a connection to that port of this machine."""
        connections = psutil.Process(self.pid).net_connections("tcp")
        return any(c.raddr and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in connections)


@contextmanager
def replicas(
    count: int, folder: Path, redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator, **changes: str
) -> Iterator[list[Replica]]:
    """So many processes that share Redis; `changes` are further variables."""
    environment = {
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis.port),
        "REDIS_PASSWORD": redis.password,
        "METRICS_URL": metrics.url,
        "GEMINI_API_KEY": "key",
        "GEMINI_API_ENDPOINT": gemini.url,
    } | changes
    processes = [Replica(folder, environment) for _ in range(count)]
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        for process in processes:
            process.kill()


@dataclass(frozen=True)
class Answer:
    """What one caller got; `status` 0: the connection broke."""

    status: int
    cache: str
    report: dict[str, Any]
    seconds: float


async def ask(port: int, **query: object) -> Answer:
    """One caller with a connection of its own."""
    body = json.dumps(query).encode()
    head = f"POST /analyze/performance HTTP/1.1\r\nHost: analytics\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/json\r\nConnection: close\r\n\r\n"
    started = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head.encode() + body)
            return parsed(await reader.read(), time.monotonic() - started)
        finally:
            writer.close()
    except OSError:
        return Answer(0, "", {}, time.monotonic() - started)


def parsed(answer: bytes, seconds: float) -> Answer:
    """The answer that these bytes are."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not body:
        return Answer(0, "", {}, seconds)
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(status.split()[1]), headers.get("x-cache", ""), json.loads(body), seconds)


async def ask_all(processes: list[Replica], callers: int) -> list[Answer]:
    """So many callers at once, spread over the processes."""
    ports = [process.port for process in processes]
    return await asyncio.gather(*(ask(ports[number % len(ports)]) for number in range(callers)))


async def until(condition: Any, what: str, deadline_seconds: float = 20) -> None:
    """Returns once `condition()` holds, without holding the loop up."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)
