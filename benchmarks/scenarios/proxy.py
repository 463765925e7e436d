"""What does the gateway cost? Beside Traefik, an httpx proxy and, for refusals, uvicorn; and latency added.

One trivial upstream for all; the gateway runs as two processes on one port (`REUSE_PORT`), its limit on, every request
from another client.
"""

import asyncio
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil

from benchmarks.contestants import loaded, table
from benchmarks.harness.connections import Connection, connect, post, steady
from benchmarks.harness.contest import Contestant, Spent, contest
from benchmarks.harness.environments import PEERS
from benchmarks.harness.load import Load, wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Server, seconds_of_all
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from shared.embedded.ports import free_ports
from shared.testing.postgres import Database

TITLE = "Gateway"
PROGRAMS = Path(sys.executable).parent
CONNECTIONS, GATEWAYS = 64, 2
STEADY_RATE = 300
IDLE_CONNECTIONS, IDLE_MEBIBYTES = 10_000, 200
LIMIT, NO_LIMIT = "60/60s", "1000000/1s"
TOKEN = "of-the-benchmarks"  # noqa: S105 - of servers that live as long as the scenario
OURS, TRAEFIK, HTTPX, BARE = "this gateway", "Traefik", "plain httpx proxy", "bare uvicorn"
WANTED = {TRAEFIK: 2.0, HTTPX: 0.067}
REFUSALS_WANTED = 2.0
"""At most so many times what they take."""
ADDED_MS = {"p50_ms": 2.0, "p99_ms": 8.0}

TRAEFIK_SETTINGS = """
entryPoints: {{web: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: {routes}}}}}
log: {{level: ERROR}}
"""
TRAEFIK_ROUTES = """
http:
  routers: {{all: {{rule: "PathPrefix(`/`)", service: upstream}}}}
  services: {{upstream: {{loadBalancer: {{servers: [{{url: "{upstream}"}}]}}}}}}
"""


@dataclass(frozen=True)
class Field:
    """All servers."""

    upstream: Server
    traefik: Server
    httpx: Server
    gateways: Sequence[Server]
    """Processes that share a port."""
    single: Server
    """One process, with the limit."""
    limitless: Server
    postgres: Callable[[], float]
    """Seconds of processor time that it has spent."""


def run(options: Options) -> Result:
    """Everything, on servers that run all the time; those whose turn it is not have nothing to do."""
    with field(options.folder / "proxy") as running:
        found = Result(TITLE)
        for measure in (proxying, refusals, latency, idle):
            one = measure(running, options)
            found.bars += one.bars
            found.tables += one.tables
        return found


def proxying(running: Field, options: Options) -> Result:
    """The gateway beside Traefik and httpx; what the upstream takes is nobody's."""

    def both() -> Spent:
        spent = [gateway.spent()["server"] for gateway in running.gateways]
        return {"gateway": sum(spent), "Postgres": running.postgres()}

    gateway = replace(through(running.gateways[0]), spent=both)
    others = {TRAEFIK: through(running.traefik), HTTPX: through(running.httpx)}
    duels = contest(gateway, others, options.pairs, options.of(3))  # httpx changes its pace from second to second
    bars = [
        bar("gateway", f"processor time of a request through the gateway, limit on, distinct clients, to {name}",
            "at most", most, "×", duels[name].ratio())
        for name, most in WANTED.items()
    ]  # fmt: skip
    return Result(TITLE, bars, [table("A request", OURS, duels, CONNECTIONS)])


def refusals(running: Field, options: Options) -> Result:
    """One client far over its quota, beside a bare uvicorn; one process each."""
    refused, bare = (refusing(server) for server in (running.single, running.upstream))
    refused.work(1)
    duels = contest(refused, {BARE: bare}, options.pairs, options.of(1))
    what = "processor time of a refusal, to an answer of bare uvicorn"
    bars = [bar("gateway", what, "at most", REFUSALS_WANTED, "×", duels[BARE].ratio())]
    return Result(TITLE, bars, [table("A refusal", OURS, duels, CONNECTIONS)])


def through(server: Server) -> Contestant:
    """Distinct clients."""
    url = f"http://127.0.0.1:{server.port}/predict"
    return loaded(server, lambda seconds: wrk(url, CONNECTIONS, seconds))


def refusing(server: Server) -> Contestant:
    """The same client all the time, whatever the answer is."""
    url = f"http://127.0.0.1:{server.port}/predict"
    return Contestant(lambda seconds: wrk(url, CONNECTIONS, seconds, one_client=True).requests, server.spent)


def latency(running: Field, options: Options) -> Result:
    """What the gateway adds at a steady rate, open loop."""
    ports = (running.limitless.port, running.upstream.port)
    targets = {port: partial(steady_load, port, options.of(3)) for port in ports}
    proxied, direct = alternate(targets, options.short_turns).values()
    added = {
        figure: Sample([getattr(load, figure) for load in proxied]).minus(
            Sample([getattr(load, figure) for load in direct])
        )
        for figure in ADDED_MS
    }
    names = {figure: f"added at a steady {STEADY_RATE} requests/s, {figure[:3]}" for figure in ADDED_MS}
    bars = [bar("gateway", names[figure], "at most", most, "ms", added[figure]) for figure, most in ADDED_MS.items()]
    rows: list[list[str | Sample]] = [[f"ms {names[figure]}", sample] for figure, sample in added.items()]
    return Result(TITLE, bars, [Table("Latency", ["", "measured"], rows)])


def steady_load(port: int, seconds: float) -> Load:
    """The same number of requests each second."""
    return asyncio.run(steady(port, post("/predict", port, b"{}"), STEADY_RATE, seconds))


def idle(running: Field, _: Options) -> Result:
    """Ten thousand connections that have asked once and stay."""
    failed = asyncio.run(hold_idle(running.limitless.port))
    resident = sum(used.resident_mebibytes for used in running.limitless.usage().values())
    what = f"one gateway with {IDLE_CONNECTIONS:,} idle connections"
    bars = [
        bar("gateway", f"memory of {what}", "at most", IDLE_MEBIBYTES, "MiB", resident),
        bar("gateway", f"errors of {what}", "at most", 0, "", failed),
    ]
    return Result(TITLE, bars)


async def hold_idle(port: int) -> int:
    """Opens them, asks each once and every hundredth again at the end; how many failed. They close with the loop."""
    request = b"GET /models HTTP/1.1\r\nHost: gateway\r\n\r\n"
    opened: list[Connection] = []
    failed = 0
    for _ in range(IDLE_CONNECTIONS // 100):
        batch = [await connect(port) for _ in range(100)]
        failed += sum(status != 200 for status in await asyncio.gather(*(each.ask(request) for each in batch)))
        opened += batch
    return failed + sum(status != 200 for status in [await each.ask(request) for each in opened[::100]])


@contextmanager
def field(folder: Path) -> Iterator[Field]:
    """Every server started, and ended afterwards."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the idle connections; the servers inherit it
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(folder))

        def started(port: int, *command: object, environment: dict[str, str] | None = None) -> Server:
            server = Server([str(word) for word in command], port, folder, environment)
            return stack.enter_context(server.running())

        ports = free_ports()
        behind, httpx, traefik = next(ports), next(ports), next(ports)
        url = f"http://127.0.0.1:{behind}"
        others = (
            started(behind, sys.executable, PEERS / "trivial_upstream.py", behind),
            started(traefik, PROGRAMS / "traefik", f"--configfile={traefik_settings(folder, traefik, url)}"),
            started(httpx, sys.executable, PEERS / "httpx_proxy.py", httpx, url),
        )
        database = psutil.Process(postgres.pid)

        def gateways(count: int, limit: str) -> list[Server]:
            port = next(ports)
            environment = gateway_settings(asyncio.run(postgres.make_database()), url, limit)
            return [started(port, sys.executable, "-m", "gateway", environment=environment | {"PORT": str(port)})
                    for _ in range(count)]  # fmt: skip

        two, (single,), (limitless,) = gateways(GATEWAYS, LIMIT), gateways(1, LIMIT), gateways(1, NO_LIMIT)
        yield Field(*others, two, single, limitless, lambda: seconds_of_all(database))


def traefik_settings(folder: Path, port: int, upstream: str) -> Path:
    """Traefik with one route."""
    routes, settings = folder / "routes.yml", folder / "traefik.yml"
    routes.write_text(TRAEFIK_ROUTES.format(upstream=upstream))
    settings.write_text(TRAEFIK_SETTINGS.format(port=port, routes=routes))
    return settings


def gateway_settings(database: Database, upstream: str, limit: str) -> dict[str, str]:
    """Gateways that share a database, a port and a limit."""
    return {
        "DATABASE_URL": database.url("gateway").get_secret_value(),
        "ADMIN_TOKEN": TOKEN,
        **{f"{service}_URL": upstream for service in ("PREDICTION", "METRICS", "ANALYTICS")},
        "TRUSTED_PROXIES": "127.0.0.1",
        "INGRESS_LIMITS": limit,
        "REUSE_PORT": "true",
        "LOG_LEVEL": "INFO",
    }
