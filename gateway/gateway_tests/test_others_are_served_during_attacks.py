"""While somebody floods, drips, holds or does not read, a bystander is served, and memory comes back afterwards."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from gateway_tests.attack import ATTACKS
from gateway_tests.conftest import UpstreamServer
from gateway_tests.process import gateway_server
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

ATTACK_SECONDS = 4
RATE = 20
GROWTH_BYTES = 64 * 2**20
STANDSTILL_MS = 3000
"""Far from what a quiet machine shows (below 100 ms): tests share their machine with others."""

BYSTANDER, CALM_SECONDS = "127.0.0.2", 30

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def large_upstream(tmp_path: Path) -> Iterator[UpstreamServer]:
    """All services, in a process of its own: what is measured is the gateway."""
    port = next(free_ports())
    script = Path(__file__).parent / "large_upstream.py"
    server = ServerProcess([sys.executable, str(script), str(port)], port, tmp_path / "upstream.log")
    server.start()
    yield UpstreamServer(port)
    server.stop()


@pytest.mark.parametrize("kind", ATTACKS)
async def test_a_bystander_is_served(
    database: Database, large_upstream: UpstreamServer, tmp_path: Path, kind: str
) -> None:
    settings = {"TRUSTED_PROXIES": "", "PROGRESS_SECONDS": "3", "LOG_LEVEL": "WARNING", "INGRESS_LIMITS": "1000/1s"}
    async with gateway_server(database, large_upstream, tmp_path, **settings) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/metrics/count"
        process = psutil.Process(gateway.pid)
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=BYSTANDER), timeout=10) as client:
            await bystander(client, url, 1, asyncio.Event())
            before, calm = process.memory_info().rss, await bystander(client, url, 2, asyncio.Event())
            ended = asyncio.Event()
            watching = asyncio.create_task(highest_memory(process, ended))
            attacker = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).parent / "attack.py"), kind, str(gateway.port), str(ATTACK_SECONDS)
            )
            seen = asyncio.create_task(bystander(client, url, 60, ended))
            await attacker.wait()
            ended.set()
            latencies, most = await seen, await watching
            print(f"{kind}: p99 {p99(latencies):.0f} ms (calm: {p99(calm):.0f} ms) of {len(latencies)}, "
                  f"{(most - before) / 2**20:+.0f} MiB at most")  # fmt: skip
            assert p99(latencies) < STANDSTILL_MS
            assert most - before < GROWTH_BYTES
            async with asyncio.timeout(CALM_SECONDS):
                while process.memory_info().rss - before > GROWTH_BYTES / 2 or clients_of(process, gateway.port) > 10:
                    await asyncio.sleep(0.1)
        gateway.still_runs()
        assert "Traceback" not in gateway.log.read_text()


async def bystander(client: httpx.AsyncClient, url: str, seconds: float, ended: asyncio.Event) -> list[float]:
    """Asks at a steady rate until `ended`; how many milliseconds each answer took. Every one must be a good one."""
    latencies: list[float] = []

    async def ask() -> None:
        started = time.perf_counter()
        assert (await client.get(url)).status_code == 200
        latencies.append((time.perf_counter() - started) * 1000)

    async with asyncio.TaskGroup() as requests:
        for _ in range(round(seconds * RATE)):
            requests.create_task(ask())
            await asyncio.sleep(1 / RATE)
            if ended.is_set():
                break
    return latencies


def p99(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)]


async def highest_memory(process: psutil.Process, ended: asyncio.Event) -> int:
    most = 0
    while not ended.is_set():
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.05)
    return most


def clients_of(process: psutil.Process, port: int) -> int:
    """Connections that somebody has opened to the gateway."""
    return sum(each.status == "ESTABLISHED" and each.laddr.port == port for each in process.net_connections())
