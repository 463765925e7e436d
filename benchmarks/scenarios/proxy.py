"""What does the gateway cost? Throughput beside Traefik and an httpx proxy, refusals beside uvicorn, latency added.

One trivial upstream for all; the gateway runs as two processes on one port (`REUSE_PORT`), its limit on, every request
from another client.
"""

import asyncio
import resource
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness.connections import Connection, connect, post, steady
from benchmarks.harness.environments import PEERS
from benchmarks.harness.load import Load, wrk
from benchmarks.harness.report import Bar, Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample, alternate, samples
from benchmarks.options import Options
from shared.embedded.ports import free_ports
from shared.testing.postgres import Database

TITLE = "Gateway"
CONNECTIONS, GATEWAYS = 64, 2
STEADY_RATE = 300
IDLE_CONNECTIONS, IDLE_MEBIBYTES = 10_000, 200
LIMIT, NO_LIMIT = "60/60s", "1000000/1s"
TOKEN = "of-the-benchmarks"  # noqa: S105 - of servers that live as long as the scenario
OURS, TRAEFIK, HTTPX = "this gateway", "Traefik", "plain httpx proxy"
WANTED = {TRAEFIK: 0.5, HTTPX: 15.0}
REFUSALS_WANTED = 0.5
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
    """All servers, by their ports."""

    upstream: int
    traefik: int
    httpx: int
    gateway: int
    single: int
    """One process, with the limit."""
    limitless: Server


def run(options: Options) -> Result:
    """Everything, on servers that run all the time; those whose turn it is not have nothing to do."""
    with field(options.folder / "proxy") as running:
        found = Result(TITLE)
        rows: list[list[str | Sample]] = []
        for measure in (throughput, refusals, latency, idle):
            bars, lines = measure(running, options)
            found.bars += bars
            rows += lines
        found.tables = [Table("", ["", "measured"], rows)]
        return found


Findings = tuple[list[Bar], list[list[str | Sample]]]


def throughput(running: Field, options: Options) -> Findings:
    """The gateway beside Traefik and httpx."""
    ports = {OURS: running.gateway, TRAEFIK: running.traefik, HTTPX: running.httpx}
    # Six seconds, because httpx changes its pace from one to the next.
    targets = {name: partial(rate, port, options.of(6)) for name, port in ports.items()}
    rates = samples(targets, options.short_turns)
    bars = [
        bar("gateway", f"requests/s through the gateway, limit on, distinct clients, to {name}",
            "at least", least, "×", rates[OURS].over(rates[name]))
        for name, least in WANTED.items()
    ]  # fmt: skip
    return bars, [[f"requests/s, {name}", found] for name, found in rates.items()]


def refusals(running: Field, options: Options) -> Findings:
    """One client far over its quota, beside a bare uvicorn; one process each."""
    rate(running.single, 1, one_client=True)
    targets = {
        "refusals/s of one client, one gateway process": lambda: rate(running.single, options.of(2), one_client=True),
        "answers/s of bare uvicorn": lambda: rate(running.upstream, options.of(2), one_client=True),
    }
    refused, bare = (rates := samples(targets, options.short_turns)).values()
    what = "refusals/s of one client, to what bare uvicorn answers"
    return [bar("gateway", what, "at least", REFUSALS_WANTED, "×", refused.over(bare))], [
        [*pair] for pair in rates.items()
    ]


def rate(port: int, seconds: float, *, one_client: bool = False) -> float:
    """Answers a second."""
    return wrk(f"http://127.0.0.1:{port}/predict", CONNECTIONS, seconds, one_client=one_client).rate


def latency(running: Field, options: Options) -> Findings:
    """What the gateway adds at a steady rate, open loop."""
    ports = (running.limitless.port, running.upstream)
    targets = {port: partial(steady_load, port, options.of(3)) for port in ports}
    through, direct = alternate(targets, options.short_turns).values()
    added = {
        figure: Sample([getattr(load, figure) for load in through]).minus(
            Sample([getattr(load, figure) for load in direct])
        )
        for figure in ADDED_MS
    }
    names = {figure: f"added at a steady {STEADY_RATE} requests/s, {figure[:3]}" for figure in ADDED_MS}
    bars = [bar("gateway", names[figure], "at most", most, "ms", added[figure]) for figure, most in ADDED_MS.items()]
    return bars, [[f"ms {names[figure]}", sample] for figure, sample in added.items()]


def steady_load(port: int, seconds: float) -> Load:
    """The same number of requests each second."""
    return asyncio.run(steady(port, post("/predict", port, b"{}"), STEADY_RATE, seconds))


def idle(running: Field, _: Options) -> Findings:
    """Ten thousand connections that have asked once and stay."""
    failed = asyncio.run(hold_idle(running.limitless.port))
    resident = sum(used.resident_mebibytes for used in running.limitless.usage().values())
    what = f"one gateway with {IDLE_CONNECTIONS:,} idle connections"
    bars = [
        bar("gateway", f"memory of {what}", "at most", IDLE_MEBIBYTES, "MiB", resident),
        bar("gateway", f"errors of {what}", "at most", 0, "", failed),
    ]
    return bars, [[f"MiB of {what}", Sample([resident])]]


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
        upstream, httpx, traefik = next(ports), next(ports), next(ports)
        url = f"http://127.0.0.1:{upstream}"
        started(upstream, sys.executable, PEERS / "trivial_upstream.py", upstream)
        started(httpx, sys.executable, PEERS / "httpx_proxy.py", httpx, url)
        started(
            traefik, Path(sys.executable).parent / "traefik", f"--configfile={traefik_settings(folder, traefik, url)}"
        )

        def gateways(count: int, limit: str) -> list[Server]:
            port = next(ports)
            environment = gateway_settings(asyncio.run(postgres.make_database()), url, limit)
            return [started(port, sys.executable, "-m", "gateway", environment=environment | {"PORT": str(port)})
                    for _ in range(count)]  # fmt: skip

        two, (single,), (limitless,) = gateways(GATEWAYS, LIMIT), gateways(1, LIMIT), gateways(1, NO_LIMIT)
        yield Field(upstream, traefik, httpx, two[0].port, single.port, limitless)


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
