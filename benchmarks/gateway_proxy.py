"""What the gateway costs: throughput beside Traefik and an httpx proxy, refusals beside uvicorn, latency added.

    make bench-gateway        (needs wrk)

One trivial upstream for all; the gateway runs as two processes on one port (`REUSE_PORT`), its limit on, every request
from another client. Contestants take turns, so that a machine that slows down meanwhile slows all; each figure is the
median of the turns' ratios. Exit code 1 when a wanted one is missed.
"""

import argparse
import asyncio
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from http_load import Connection, connect, post, steady

from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer
from shared.testing.server_process import wait_until

HERE = Path(__file__).parent
CONNECTIONS, GATEWAYS, TURNS = 64, 2, 5
STEADY_RATE = 300
IDLE_CONNECTIONS, IDLE_MEMORY_MIB = 10_000, 200
PATH = "/predict"

TRAEFIK = """
entryPoints: {{web: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: {routes}}}}}
log: {{level: ERROR}}
"""
TRAEFIK_ROUTES = """
http:
  routers: {{all: {{rule: "PathPrefix(`/`)", service: upstream}}}}
  services: {{upstream: {{loadBalancer: {{servers: [{{url: "{upstream}"}}]}}}}}}
"""


class Contest:
    """All servers, started, and the verdicts so far."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack, self.folder, self.good = stack, folder, True
        self.ports = free_ports()
        self.postgres = PostgresServer(folder)
        self.postgres.start_and_wait()
        stack.callback(self.postgres.stop_fast)
        asyncio.run(self.postgres.make_template())
        self.upstream = self.python(HERE / "peers" / "trivial_upstream.py")
        upstream_url = f"http://127.0.0.1:{self.upstream}"
        self.httpx = self.python(HERE / "peers" / "httpx_proxy.py", upstream_url)
        self.traefik = self.start_traefik(upstream_url)
        self.gateway, _ = self.start_gateways(upstream_url, GATEWAYS, "60/60s")
        self.single, _ = self.start_gateways(upstream_url, 1, "60/60s")
        self.limitless, self.processes = self.start_gateways(upstream_url, 1, "1000000/1s")

    def python(self, script: Path, *arguments: str) -> int:
        """Starts a Python server; its port."""
        port = next(self.ports)
        self.start([sys.executable, str(script), str(port), *arguments], port)
        return port

    def start(self, command: list[str], port: int, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a server and waits until it accepts."""
        log = (self.folder / f"{port}.log").open("ab")
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        wait_until(lambda: accepts(port), f"{command[0]} on {port}", deadline_seconds=20)
        return process

    def start_traefik(self, upstream: str) -> int:
        """Traefik with one route."""
        port, routes, config = next(self.ports), self.folder / "routes.yml", self.folder / "traefik.yml"
        routes.write_text(TRAEFIK_ROUTES.format(upstream=upstream))
        config.write_text(TRAEFIK.format(port=port, routes=routes))
        self.start([str(Path(sys.executable).parent / "traefik"), f"--configfile={config}"], port)
        return port

    def start_gateways(self, upstream: str, count: int, limits: str) -> tuple[int, list[psutil.Process]]:
        """Gateways that share a port and a limit."""
        port = next(self.ports)
        database = asyncio.run(self.postgres.make_database())
        environment = {
            "DATABASE_URL": database.url("gateway").get_secret_value(),
            "PREDICTION_URL": upstream,
            "METRICS_URL": upstream,
            "ANALYTICS_URL": upstream,
            "TRUSTED_PROXIES": "127.0.0.1",
            "INGRESS_LIMITS": limits,
            "PORT": str(port),
            "REUSE_PORT": "true",
        }
        started = [self.start([sys.executable, "-m", "gateway"], port, **environment) for _ in range(count)]
        return port, [psutil.Process(process.pid) for process in started]

    def judge(self, what: str, figure: float, wanted: str, *, met: bool) -> None:
        """One line of the table."""
        self.good &= met
        print(f"| {what} | {figure:.2f} | {wanted} | {'met' if met else 'MISSED'} |", flush=True)


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wrk(port: int, script: str, seconds: float) -> float:
    """Answers per second over CONNECTIONS connections."""
    command = [
        "wrk",
        "-t2",
        f"-c{CONNECTIONS}",
        f"-d{seconds:g}s",
        "-s",
        str(HERE / script),
        f"http://127.0.0.1:{port}{PATH}",
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if match is None:
        raise RuntimeError(output)
    return float(match[1])


def throughput(contest: Contest, seconds: float) -> None:
    """The gateway beside Traefik and httpx."""
    ratios: dict[str, list[float]] = {"traefik": [], "httpx": []}
    absolute: dict[str, list[float]] = {"gateway": [], "traefik": [], "httpx": []}
    for _ in range(TURNS):
        for name, port in (("gateway", contest.gateway), ("traefik", contest.traefik), ("httpx", contest.httpx)):
            absolute[name].append(wrk(port, "distinct_clients.lua", seconds))
        for name, measured in ratios.items():
            measured.append(absolute["gateway"][-1] / absolute[name][-1])
    for name, figure, least in (("traefik", ratios["traefik"], 0.5), ("httpx", ratios["httpx"], 15)):
        middle = statistics.median(figure)
        contest.judge(f"throughput, limit on, to {name}'s", middle, f"≥ {least}", met=middle >= least)
    print({name: round(statistics.median(rates)) for name, rates in absolute.items()}, "requests/s, medians")


def refusals(contest: Contest, seconds: float) -> None:
    """One client far over its quota, beside a bare uvicorn; one process each."""
    wrk(contest.single, "one_client.lua", 1)
    ratios = [
        wrk(contest.single, "one_client.lua", seconds) / wrk(contest.upstream, "one_client.lua", seconds)
        for _ in range(TURNS)
    ]
    middle = statistics.median(ratios)
    contest.judge("refusals of one client, one process, to bare uvicorn's answers", middle, "≥ 0.5", met=middle >= 0.5)


async def latency(contest: Contest, seconds: float) -> None:
    """What the gateway adds at a steady rate, open loop."""
    added: dict[float, list[float]] = {0.5: [], 0.99: []}
    for turn in range(TURNS):
        direct = await steady(contest.upstream, post(PATH, contest.upstream, b"{}"), STEADY_RATE, seconds)
        request = post(PATH, contest.gateway, b"{}", f"X-Forwarded-For: 10.9.{turn}.1\r\n")
        through = await steady(contest.limitless, request, STEADY_RATE, seconds)
        for share, values in added.items():
            values.append(through.percentile(share) - direct.percentile(share))
    for share, most in ((0.5, 2), (0.99, 8)):
        middle = statistics.median(added[share])
        contest.judge(
            f"milliseconds added at {STEADY_RATE} requests/s, p{share * 100:g}", middle, f"≤ {most}", met=middle <= most
        )


async def idle(contest: Contest) -> None:
    """Ten thousand connections that have asked once and stay."""
    request = b"GET /models HTTP/1.1\r\nHost: gateway\r\n\r\n"
    opened: list[Connection] = []
    failures = 0
    for _ in range(IDLE_CONNECTIONS // 100):
        batch = [await connect(contest.limitless) for _ in range(100)]
        failures += sum(status != 200 for status in await asyncio.gather(*(each.ask(request) for each in batch)))
        opened += batch
    failures += sum(status != 200 for status in [await each.ask(request) for each in opened[::100]])
    memory = sum(process.memory_info().rss for process in contest.processes) / 2**20
    contest.judge(
        f"MiB of one gateway with {IDLE_CONNECTIONS:,} idle connections",
        memory,
        f"< {IDLE_MEMORY_MIB}",
        met=memory < IDLE_MEMORY_MIB,
    )
    contest.judge("errors over them", failures, "0", met=failures == 0)
    for connection in opened:
        if connection.transport is not None:
            connection.transport.close()


@contextmanager
def contest() -> Iterator[Contest]:
    """Everything started, and ended afterwards."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield Contest(stack, Path(folder))


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=6, help="of each measurement")
    seconds = arguments.parse_args().seconds
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the idle connections; the servers inherit it
    started = time.perf_counter()
    with contest() as running:
        print("| figure | measured | wanted | |\n| --- | --- | --- | --- |")
        throughput(running, seconds)
        refusals(running, seconds)
        asyncio.run(latency(running, seconds))
        asyncio.run(idle(running))
        print(f"\n{os.cpu_count()} cores, {time.perf_counter() - started:.0f} s")
        return 0 if running.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
