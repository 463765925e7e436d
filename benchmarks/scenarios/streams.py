"""What does a table cost that goes through one request? Rows a second beside the model's own speed, and memory.

Alone the model runs in a plain loop on as many threads as there are processors, in calls of the same size; the stream
is CSV over HTTP, with every prediction in Postgres before its line is sent.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.turns import Sample, samples
from benchmarks.options import Options
from benchmarks.scenarios.batching import TEXTS, service
from benchmarks.targets import LEXICON, served_model
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from shared.testing.stream_client import streaming

TITLE = "Streams"
PROCESSORS = os.cpu_count() or 1
WANTED, GROWTH_MIB = 0.8, 16
ROWS, QUICK_ROWS = 1_000_000, 20_000
AT_ONCE = 250
"""Rows of a piece that the client sends."""

AHEAD = 2048
"""Rows that the client sends before it has their lines: what waits in the system's buffers would be computed long after
the time of a turn."""

Compute = Callable[[list[str]], object]


def run(options: Options) -> Result:
    """Rows a second of one stream, and memory over a million rows."""
    folder, seconds = options.folder / "streams", options.of(10)
    folder.mkdir(mode=0o755)
    served = served_model(options.model, folder / "models")
    model = load_model(ModelFolder(served.name, served.version, served.folder), QueueBounds(4096, 60.0))
    at_once = model.manifest.batching.max_rows
    with service(folder, served) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        rates = samples(
            {
                f"the model alone, {at_once} a call": lambda: alone(model.batcher.runtime.compute, at_once, seconds),
                "one stream of CSV": lambda: asyncio.run(rate_of_stream(port, seconds)),
            },
            options.turns,
        )
    bare, stream = rates.values()
    rows = ROWS if options.seconds >= 1 else QUICK_ROWS
    sizes, taken = long_stream(options.folder / "long", rows)
    growth = max(sizes[1:]) - sizes[0]
    rate_rows: list[list[str | Sample]] = [[name, rate, rate.over(bare)] for name, rate in rates.items()]
    memory_rows: list[list[str | Sample]] = [[f"{tenth}0 %", Sample([size])] for tenth, size in enumerate(sizes, 1)]
    return Result(
        TITLE,
        bars=[
            bar("predictions", f"{served.name}: rows/s of a CSV stream, to the model alone", "at least", WANTED, "×",
                stream.over(bare)),
            bar("predictions", f"{rows:,} rows in one request: growth of memory after the first tenth", "at most",
                GROWTH_MIB, "MiB", Sample([growth])),
        ],
        tables=[
            Table(f"{served.name}: rows a second", ["", "rows/s", "to the model alone"], rate_rows),
            Table(f"{LEXICON}: {rows:,} rows in one request, {rows / taken:,.0f} rows/s, all of them on record",
                  ["at", "resident MiB of the service, at most"], memory_rows),
        ],
    )  # fmt: skip


def alone(compute: Compute, at_once: int, seconds: float) -> float:
    """Texts a second in a plain loop on every processor."""
    done, end = [0] * PROCESSORS, time.perf_counter() + seconds

    def loop(worker: int) -> None:
        while time.perf_counter() < end:
            compute([TEXTS[(done[worker] + number) % len(TEXTS)] for number in range(at_once)])
            done[worker] += at_once

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(PROCESSORS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def pieces(keep_on: Callable[[int], bool]) -> Iterator[bytes]:
    """The header, then rows while `keep_on` of how many there were says so."""
    yield b"_id,text\n"
    sent = 0
    while keep_on(sent):
        yield b"".join(
            b"%d,%b\n" % (number, TEXTS[number % len(TEXTS)].encode()) for number in range(sent, sent + AT_ONCE)
        )
        sent += AT_ONCE


async def stream(port: int, body: Iterator[bytes], on_line: Callable[[int], None]) -> int:
    """Sends and reads at a time; the number of rows that were answered."""
    lines = -1
    async with streaming(port, "text/csv") as client:

        async def send() -> None:
            for number, piece in enumerate(body):
                await client.send(piece)
                while number * AT_ONCE > lines + AHEAD:
                    await asyncio.sleep(0.005)
            await client.end()

        sending = asyncio.create_task(send())
        async for line in client.lines():
            lines += 1
            if lines:
                assert line.endswith(b",\r\n"), line  # no error
                on_line(lines)
        await sending
    return lines


async def rate_of_stream(port: int, seconds: float) -> float:
    """Rows a second, from the first byte that is sent to the last line that comes."""
    started = time.perf_counter()
    rows = await stream(port, pieces(lambda _: time.perf_counter() < started + seconds), lambda _: None)
    return rows / (time.perf_counter() - started)


def long_stream(folder: Path, rows: int) -> tuple[list[float], float]:
    """The most memory that the service has taken in each tenth of a long stream, in MiB; and how long it took."""
    folder.mkdir(mode=0o755)
    with service(folder, served_model(LEXICON, folder / "models")) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        resident = process_at(port).memory_info
        most = [0.0] * 10

        def look(line: int) -> None:
            if line % 500 == 0:
                tenth = min(line * 10 // rows, 9)
                most[tenth] = max(most[tenth], resident().rss / 2**20)

        started = time.perf_counter()
        answered = asyncio.run(stream(port, pieces(lambda sent: sent < rows), look))
        taken = time.perf_counter() - started
        assert answered == rows, answered
        return most, taken


def process_at(port: int) -> psutil.Process:
    """The process that listens there."""
    return next(
        psutil.Process(one.pid)
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and getattr(one.laddr, "port", None) == port and one.pid
    )
