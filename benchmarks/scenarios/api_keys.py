"""What do keys of callers cost? Requests with one of 100,000 keys beside requests without, and a flood of wrong ones.

One gateway process before a trivial upstream. Requests without a key come from another address each, limited like those
with one: 10,000 keys in turn, each with a limit of its own.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import asyncpg
import httpx

from benchmarks.contestants import loaded, table
from benchmarks.harness.connections import post, steady
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.environments import PEERS
from benchmarks.harness.load import JSON, Load, wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.scenarios.proxy import gateway_settings
from gateway.keys.text import BEGINNING, NewSecret, new_secret
from shared.embedded.ports import free_ports
from shared.testing.postgres import Database

TITLE = "Keys of callers"
KEYS, IN_USE = 100_000, 10_000
CONNECTIONS = 64
LIMIT = "600/60s"
MOST = 1.05
WITHOUT = "without a key"
FLOOD_PER_SECOND, FLOOD_CONNECTIONS, FLOOD_SECONDS = 5_000, 64, 10
BYSTANDER_PER_SECOND, BYSTANDER_P99_MS, GROWTH_MEBIBYTES = 50, 50, 16
LOADED_SECONDS = 60

COLUMNS = ("name", "prefix", "digest", "rights", "note", "created_at", "changed_at", "revision", "limits")


@dataclass(frozen=True)
class Field:
    """A gateway that knows all keys, and the file of those that are used, one a line."""

    gateway: Server
    keys: Path

    @property
    def url(self) -> str:
        """Where predictions are asked for."""
        return f"http://127.0.0.1:{self.gateway.port}/predict"


def run(options: Options) -> Result:
    """With and without keys in turns, then the flood."""
    with field(options.folder / "api_keys") as running:
        found = cost(running, options)
        flooded = flood(running, options)
        return Result(TITLE, found.bars + flooded.bars, found.tables + flooded.tables)


def cost(running: Field, options: Options) -> Result:
    """The gateway's processor time for requests with keys and without."""
    with_one = asked(running, running.keys)
    duels = contest(with_one, {WITHOUT: asked(running, None)}, options.pairs, options.of(2))
    what = "processor time of the gateway for a request with a key, to one without"
    name = f"with one of {KEYS:,} keys, {IN_USE:,} in use"
    return Result(
        TITLE,
        [bar("gateway", what, "at most", MOST, "×", duels[WITHOUT].ratio())],
        [table("A request", name, duels, CONNECTIONS)],
    )


def asked(running: Field, keys: Path | None) -> Contestant:
    """The gateway under load."""
    return loaded(running.gateway, lambda seconds: wrk(running.url, CONNECTIONS, seconds, keys=keys))


def flood(running: Field, options: Options) -> Result:
    """Wrong keys, each another one from another address, beside somebody with a good one."""
    seconds = options.of(FLOOD_SECONDS)
    wrk(running.url, FLOOD_CONNECTIONS, 2, keys=Path(os.devnull), per_second=FLOOD_PER_SECOND)
    before = running.gateway.usage()["server"].resident_mebibytes
    with ThreadPoolExecutor(1) as threads:
        wrong = threads.submit(
            wrk, running.url, FLOOD_CONNECTIONS, seconds + 1, keys=Path(os.devnull), per_second=FLOOD_PER_SECOND
        )
        bystander = beside(running, seconds)
    grown, per_second = running.gateway.usage()["server"].resident_mebibytes - before, wrong.result().rate
    what = "beside a flood of wrong keys"
    bars = [
        bar("gateway", "wrong keys/s of the flood below", "at least", FLOOD_PER_SECOND, "", per_second),
        bar("gateway", f"p99 of a bystander {what}", "at most", BYSTANDER_P99_MS, "ms", bystander.p99_ms),
        bar("gateway", f"memory that a gateway takes more {what}", "at most", GROWTH_MEBIBYTES, "MiB", grown),
    ]
    rows: list[list[str | Sample]] = [
        ["ms p99 of a bystander meanwhile", Sample([bystander.p99_ms])],
        ["requests of the bystander that failed", Sample([float(bystander.failed)])],
    ]
    return Result(TITLE, bars, [Table("A flood of wrong keys", ["", "measured"], rows)])


def beside(running: Field, seconds: float) -> Load:
    """A caller with a good key, at a steady rate."""
    key = running.keys.read_text().splitlines()[0]
    request = post("/predict", running.gateway.port, b"{}", f"X-API-Key: {key}\r\n")
    return asyncio.run(steady(running.gateway.port, request, BYSTANDER_PER_SECOND, seconds))


@contextmanager
def field(folder: Path) -> Iterator[Field]:
    """Every server started, all keys known, and ended afterwards."""
    folder.mkdir(mode=0o755)
    keys = [new_secret() for _ in range(KEYS)]
    file = folder / "keys.txt"
    file.write_text("".join(f"{key.text}\n" for key in keys[:IN_USE]))
    ports = free_ports()
    upstream, port = next(ports), next(ports)
    with postgres_server(folder) as postgres:
        database = asyncio.run(postgres.make_database())
        asyncio.run(insert(database, keys))
        trivial = Server([sys.executable, str(PEERS / "trivial_upstream.py"), str(upstream)], upstream, folder)
        variables = gateway_settings(database, f"http://127.0.0.1:{upstream}", LIMIT) | {
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
        }
        gateway = Server([sys.executable, "-m", "gateway"], port, folder, variables)
        with trivial.running(), gateway.running():
            wait_until_known(port, keys[-1])
            yield Field(gateway, file)


async def insert(database: Database, keys: Sequence[NewSecret]) -> None:
    """As if they had been made one after the other, without 100,000 requests."""
    now = datetime.now(UTC)
    rows = [
        (f"key {n}", key.prefix, key.digest, ["predict"], "", now, now, n, LIMIT) for n, key in enumerate(keys, start=1)
    ]
    connection = await asyncpg.connect(database.url().get_secret_value())
    try:
        await connection.copy_records_to_table("api_key", schema_name="gateway", records=rows, columns=COLUMNS)
        await connection.execute("UPDATE gateway.key_state SET revision = $1", len(rows))
    finally:
        await connection.close()


def wait_until_known(port: int, key: NewSecret) -> None:
    """Raises RuntimeError when the gateway does not know it in time."""
    end = monotonic() + LOADED_SECONDS
    headers = JSON | {"X-API-Key": key.text}
    while httpx.post(f"http://127.0.0.1:{port}/predict", content="{}", headers=headers).status_code != 200:
        if monotonic() > end:
            raise RuntimeError(f"after {LOADED_SECONDS} s the gateway does not know {BEGINNING}…")
        sleep(0.1)
