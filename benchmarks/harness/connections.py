"""Load from connections of our own: open loop at a steady rate, or so many held at once.

The client does as little as possible, for it shares the machine with what it measures: one request, made once, sent
again and again over connections that stay open.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.harness.load import Load


@dataclass
class Tally:
    """What comes of requests while they are made."""

    milliseconds: list[float] = field(default_factory=list)
    refused: int = 0
    broken: int = 0

    def count(self, status: int, milliseconds: float) -> None:
        """One more; status 0: the connection broke."""
        if status == 200:
            self.milliseconds.append(milliseconds)
        elif status:
            self.refused += 1
        else:
            self.broken += 1

    def load(self, seconds: float) -> Load:
        """All of them. Raises RuntimeError when nothing was answered."""
        if not self.milliseconds:
            raise RuntimeError(f"no answer: {self.refused} refused, {self.broken} broken")
        requests = len(self.milliseconds) + self.refused
        p50, p99 = percentile(self.milliseconds, 0.5), percentile(self.milliseconds, 0.99)
        return Load(requests, seconds, p50, p99, self.refused, self.broken)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


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

    def close(self) -> None:
        """Ends it."""
        if self.transport is not None:
            self.transport.close()


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


async def steady(port: int, request: bytes, rate: float, seconds: float, connections: int = 64) -> Load:
    """So many requests a second, whatever becomes of them; times count from when a request was due."""
    tally, free = Tally(), asyncio.Queue[Connection]()
    opened = [await connect(port) for _ in range(connections)]
    for connection in opened:
        free.put_nowait(connection)
    started = time.perf_counter()

    async def one(due: float) -> None:
        connection = await free.get()
        tally.count(await connection.ask(request), (time.perf_counter() - due) * 1000)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    took = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return tally.load(took)


async def all_at_once(ports: Sequence[int], request: bytes, callers: int) -> Load:
    """Each caller asks once, over a connection of its own, spread over the ports."""
    tally, opened = Tally(), [await connect(ports[number % len(ports)]) for number in range(callers)]
    started = time.perf_counter()

    async def one(connection: Connection) -> None:
        tally.count(await connection.ask(request), (time.perf_counter() - started) * 1000)
        connection.close()

    await asyncio.gather(*map(one, opened))
    return tally.load(time.perf_counter() - started)
