"""How soon is a revoked key refused everywhere? Two gateways on one database, loaded with requests that have it."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

import httpx

from benchmarks.harness.connections import Connection, connect, post
from benchmarks.harness.environments import PEERS
from benchmarks.harness.load import JSON
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.scenarios.proxy import NO_LIMIT, TOKEN, gateway_settings
from shared.embedded.ports import free_ports

TITLE = "Revoked keys"
GATEWAYS, CONNECTIONS = 2, 32
BEFORE_SECONDS, AFTER_SECONDS = 1.0, 3.0
MOST_SECONDS = 2.0
TURNS_TIMES = 2
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


def run(options: Options) -> Result:
    """Of each key the time from the response to its DELETE until the last request that was let in was sent."""
    with gateways(options) as ports:
        late = [asyncio.run(let_in_after(ports)) for _ in range(options.short_turns * TURNS_TIMES)]
    what = f"last request that {GATEWAYS} gateways under load let in after its key was revoked"
    return Result(
        TITLE,
        [bar("gateway", what, "at most", MOST_SECONDS, "s", max(late))],
        [Table("", ["", "measured"], [[f"s, {what}", Sample(late)]])],
    )


async def let_in_after(ports: list[int]) -> float:
    """Seconds; 0: none was sent later than the response said that the key is revoked."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", headers=ADMIN) as operator:
        made = (await operator.post("/keys", json={"name": "for a while", "rights": ["predict"]})).json()
        headers = f"X-API-Key: {made['key']}\r\n"
        async with asyncio.TaskGroup() as callers:
            ended = asyncio.Event()
            sent = [
                callers.create_task(keep_asking(port, post("/predict", port, b"{}", headers), ended))
                for port in ports
                for _ in range(CONNECTIONS)
            ]
            await asyncio.sleep(BEFORE_SECONDS)
            (await operator.delete(f"/keys/{made['key_id']}")).raise_for_status()
            revoked_at = perf_counter()
            await asyncio.sleep(AFTER_SECONDS)
            ended.set()
    last = [task.result() for task in sent]
    if not any(last):
        raise RuntimeError("the key was never let in")
    return max(0.0, *(at - revoked_at for at in last))


async def keep_asking(port: int, request: bytes, ended: asyncio.Event) -> float:
    """When the last request was sent that was let in; 0: none was. Raises RuntimeError for a broken connection."""
    connection: Connection = await connect(port)
    last = 0.0
    while not ended.is_set():
        sent = perf_counter()
        status = await connection.ask(request)
        if status == 0:
            raise RuntimeError("a connection broke")
        if status == httpx.codes.OK:
            last = sent
    connection.close()
    return last


@contextmanager
def gateways(options: Options) -> Iterator[list[int]]:
    """Their ports; both are started and know each other's database."""
    folder = options.folder / "revocation"
    folder.mkdir(mode=0o755)
    ports = free_ports()
    upstream, *own = [next(ports) for _ in range(1 + GATEWAYS)]
    with postgres_server(folder) as postgres, ExitStack() as stack:
        database = asyncio.run(postgres.make_database())
        trivial = Server([sys.executable, str(PEERS / "trivial_upstream.py"), str(upstream)], upstream, folder)
        stack.enter_context(trivial.running())
        for port in own:
            variables = gateway_settings(database, f"http://127.0.0.1:{upstream}", NO_LIMIT) | {
                "PORT": str(port),
                "LOG_LEVEL": "WARNING",
            }
            variables |= {"MAX_REQUESTS_PER_CLIENT": "1000", "WRONG_TOKEN_LIMITS": NO_LIMIT}
            gateway = Server([sys.executable, "-m", "gateway"], port, folder, variables)
            stack.enter_context(gateway.running())
        for port in own:
            httpx.post(f"http://127.0.0.1:{port}/predict", content="{}", headers=JSON).raise_for_status()
        yield own
