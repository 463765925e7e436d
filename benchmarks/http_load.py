"""Load on a local HTTP server: as fast as it answers over so many connections, or at a steady rate.

The client does as little as possible, for it shares the machine with what it measures: one request, made once, sent
again and again over connections that stay open.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of it. `milliseconds` of every answer, `errors` by kind."""

    milliseconds: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    seconds: float = 0

    def failed(self, kind: str) -> None:
        """One request without a good answer."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def percentile(self, share: float) -> float:
        """The time within which that share of the answers came."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")

    def __str__(self) -> str:
        rate = len(self.milliseconds) / self.seconds if self.seconds else 0
        p50, p99 = self.percentile(0.5), self.percentile(0.99)
        errors = ", ".join(f"{kind}: {count}" for kind, count in self.errors.items()) or "none"
        return f"{rate:7.0f} answers/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   errors: {errors}"


class Connection(asyncio.Protocol):
    """One connection that stays open; one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Settles the answer once all of it is there."""
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if found and len(body) >= content_length(head):
            self.settle(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        """Settles an answer that will not come as status 0."""
        self.settle(0)

    def settle(self, status: int) -> None:
        """The answer to the request that is under way."""
        self.received = b""
        if self.answer and not self.answer.done():
            self.answer.set_result(status)

    async def ask(self, request: bytes) -> int:
        """The status of the answer; 0: the connection broke."""
        assert self.transport is not None
        if self.transport.is_closing():
            return 0
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


def content_length(head: bytes) -> int:
    """The length that a response's head announces."""
    name = b"content-length:"
    return next((int(line[len(name) :]) for line in head.split(b"\r\n") if line.lower().startswith(name)), 0)


def post(path: str, port: int, body: bytes, headers: str = "") -> bytes:
    """A request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def connect(port: int) -> Connection:
    """An open connection."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def flat_out(port: int, request: bytes, connections: int, seconds: float) -> Load:
    """Each connection asks again as soon as it was answered."""
    load, opened = Load(), [await connect(port) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(ask_until(connection, request, started + seconds, load) for connection in opened))
    load.seconds = time.perf_counter() - started
    close(opened)
    return load


async def ask_until(connection: Connection, request: bytes, end: float, load: Load) -> None:
    """One connection's requests."""
    while time.perf_counter() < end:
        await timed(connection, request, time.perf_counter(), load)
        if connection.transport is None or connection.transport.is_closing():
            return


async def steady(port: int, request: bytes, rate: float, seconds: float, connections: int = 64) -> Load:
    """So many requests a second, whatever becomes of them; times count from when a request was due."""
    load, free = Load(), asyncio.Queue[Connection]()
    opened = [await connect(port) for _ in range(connections)]
    for connection in opened:
        free.put_nowait(connection)
    started = time.perf_counter()

    async def one(due: float) -> None:
        connection = await free.get()
        await timed(connection, request, due, load)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    load.seconds = time.perf_counter() - started
    close(opened)
    return load


async def timed(connection: Connection, request: bytes, since: float, load: Load) -> None:
    """One request, written down."""
    status = await connection.ask(request)
    if status == 200:
        load.milliseconds.append((time.perf_counter() - since) * 1000)
    else:
        load.failed(f"status {status}" if status else "connection broke")


def close(connections: list[Connection]) -> None:
    """Closes them all."""
    for connection in connections:
        if connection.transport is not None:
            connection.transport.close()


def judged(load: Load, **bounds: float) -> bool:
    """Whether percentiles are within bounds, such as `p50=5`, and nothing failed; says so."""
    measures: dict[str, Callable[[], float]] = {
        "p50": lambda: load.percentile(0.5),
        "p99": lambda: load.percentile(0.99),
    }
    good = not load.errors and all(measures[name]() <= bound for name, bound in bounds.items())
    wanted = ", ".join(f"{name} ≤ {bound:g} ms" for name, bound in bounds.items()) or "no error"
    print(f"    {load}   wanted: {wanted}   {'ok' if good else 'MISSED'}")
    return good
