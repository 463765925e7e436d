"""How many calls reach the provider when 50 and 1,000 callers ask the same at once, over three processes?

The provider is an emulator that takes two seconds; the cache is empty each time. Beside our analytics-service
stand two caching libraries with their protection on, in the three lines that their documentation shows.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from analytics_service.testing.gemini_emulator import GeminiEmulator, slow
from analytics_service.testing.metrics_emulator import MetricsEmulator
from benchmarks.harness.connections import all_at_once, post
from benchmarks.harness.environments import NotInstalledError, environment
from benchmarks.harness.load import Load
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import redis_server
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from shared.embedded.ports import free_ports
from shared.testing.redis import RedisServer

TITLE = "Stampede"
PROCESSES, CALLERS, PROVIDER_SECONDS = 3, (50, 1000), 2
TURNS = 2
"""Counts hardly vary, and a crowd without protection takes its time."""
OURS, PEERS = "this analytics-service", ("cashews", "aiocache")

Question = Callable[[int], tuple[str, bytes]]
"""From a number to a path and a body that nobody has asked before."""


@dataclass(frozen=True)
class Outcome:
    """What one crowd caused."""

    calls: int
    load: Load
    slowest_seconds: float


def run(options: Options) -> Result:
    """The number of calls, and how long the last caller waits."""
    found = Result(TITLE)
    rows: list[list[str | Sample]] = []
    folder, turns = options.folder / "stampede", min(options.turns, TURNS)
    with redis_server(folder) as redis, GeminiEmulator() as gemini, MetricsEmulator() as metrics:
        gemini.behave(slow(PROVIDER_SECONDS))
        for name in (OURS, *PEERS):
            try:
                with servers(name, folder, redis, metrics, gemini) as (ports, question):
                    crowds = [gather(ports, question, callers, redis, gemini, turns) for callers in CALLERS]
            except (NotInstalledError, RuntimeError) as error:
                found.skipped.append(f"{name}: {error}")
                continue
            rows.append([name, *(cell for crowd in crowds for cell in cells(crowd))])
            if name == OURS:
                worst = max(outcome.calls for crowd in crowds for outcome in crowd)
                crowds_of = " and ".join(f"{callers:,}" for callers in CALLERS)
                what = (
                    f"calls that reach the provider of {crowds_of} callers at once over {PROCESSES} processes, at worst"
                )
                found.bars = [bar("analytics", what, "at most", 1, "", worst)]
    figures = ("calls", "last answer, s", "failed")
    columns = ["", *(f"{callers:,} callers: {figure}" for callers in CALLERS for figure in figures)]
    found.tables = [Table("", columns, rows, f"The provider takes {PROVIDER_SECONDS} s.")]
    return found


def cells(crowd: list[Outcome]) -> list[str | Sample]:
    """Of one size of crowd."""
    return [
        Sample([outcome.calls for outcome in crowd]),
        Sample([outcome.slowest_seconds for outcome in crowd]),
        str(sum(outcome.load.failed for outcome in crowd)),
    ]


NUMBERS = count(1)


def gather(
    ports: list[int], question: Question, callers: int, redis: RedisServer, gemini: GeminiEmulator, turns: int
) -> list[Outcome]:
    """A crowd in front of an empty cache, some times over."""
    outcomes = []
    for _ in range(turns):
        redis.client().flushall()
        gemini.calls.clear()
        path, body = question(next(NUMBERS))
        load = asyncio.run(all_at_once(ports, post(path, ports[0], body), callers))
        outcomes.append(Outcome(len(gemini.calls), load, load.seconds))
    return outcomes


@contextmanager
def servers(
    name: str, folder: Path, redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> Iterator[tuple[list[int], Question]]:
    """Some processes of one target: their ports, and what to ask them."""
    with ExitStack() as stack:
        ports = [port for port, _ in zip(free_ports(), range(PROCESSES), strict=False)]
        for port in ports:
            server = (
                our_server(port, folder, redis, metrics, gemini)
                if name == OURS
                else library_server(name, port, folder, redis, gemini)
            )
            stack.enter_context(server.running())
        yield ports, our_question if name == OURS else library_question


def our_server(port: int, folder: Path, redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator) -> Server:
    """One process of the service, which may call as often as it likes."""
    variables = {
        "PORT": str(port), "ADMIN_TOKEN": "of-the-benchmarks", "LOG_LEVEL": "WARNING",
        "METRICS_URL": metrics.url,
        "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": redis.password,
        "GEMINI_API_KEY": "key", "GEMINI_API_ENDPOINT": gemini.url, "GEMINI_RATE_LIMIT": "10000",
    }  # fmt: skip
    return Server([sys.executable, "-m", "analytics_service"], port, folder, variables)


def our_question(number: int) -> tuple[str, bytes]:
    """A window of its own."""
    return "/analyze/performance", json.dumps({"time_window_minutes": number}).encode()


def library_server(name: str, port: int, folder: Path, redis: RedisServer, gemini: GeminiEmulator) -> Server:
    """One process with the library."""
    own = environment(name)
    variables = {
        "REDIS_URL": f"redis://:{redis.password}@127.0.0.1:{redis.port}/0",
        "PROVIDER": f"{gemini.url}/report",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [own.bin / "uvicorn", "serve:app", "--app-dir", own.source, "--port", port, "--log-level", "warning"]
    return Server([*map(str, command), "--no-access-log"], port, folder, variables)


def library_question(number: int) -> tuple[str, bytes]:
    """A key of its own."""
    return f"/report/{number}", b"{}"
