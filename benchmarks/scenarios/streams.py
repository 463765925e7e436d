"""What does a table cost that goes through one request? Processor time beside the model's own, and memory.

Alone the model runs in a plain loop on as many threads as there are processors, in calls of the same size; the stream
is CSV over HTTP, with every prediction in Postgres before its line is sent.
"""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.contestants import HERE, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Probe, seconds_of_all
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.scenarios.batching import TEXTS, service
from benchmarks.scenarios.tables import EXAMPLE, known_rows
from benchmarks.targets import LEXICON, PREDICT, ServedModel, served_model
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.models.model import Model
from prediction_service.streams.csv_rows import CsvRows
from prediction_service.streams.row import MAX_RECORD_BYTES
from shared.testing.stream_client import streaming

TITLE = "Streams"
PROCESSORS = os.cpu_count() or 1
MOST, GROWTH_MIB = 1.25, 16
ROWS, QUICK_ROWS = 1_000_000, 20_000
AT_ONCE = 250
"""Rows of a piece that the client sends."""

AHEAD = 2048
"""Rows that the client sends before it has their lines: what waits in the system's buffers would be computed long after
the time of a turn."""

Compute = Callable[[list[Any]], object]


@dataclass(frozen=True)
class Rows:
    """What is sent to a model, again and again: lines of CSV, and the body of a prediction to begin with."""

    header: bytes
    lines: list[bytes]
    probe: Probe = PREDICT


TEXT_ROWS = Rows(b"text", [text.encode() for text in TEXTS])


def table_rows() -> Rows:
    """Those of the example, without what scikit-learn said about them."""
    header, *lines = (EXAMPLE / "rows.csv").read_bytes().splitlines()
    inputs = sum(not name.startswith(b"_") for name in header.split(b","))
    (first, _, _), *_ = known_rows()
    header, *lines = (b",".join(line.split(b",")[:inputs]) for line in (header, *lines))
    return Rows(header, lines, Probe("/predict", json.dumps({"inputs": first})))


def run(options: Options) -> Result:
    """One stream of texts and one of a table, and memory over a million rows."""
    folder, found = options.folder / "streams", Result(TITLE)
    folder.mkdir(mode=0o755)
    compare(options, found, served_model(options.model, folder / "models"), TEXT_ROWS)
    compare(options, found, served_model("churn", folder / "tables", EXAMPLE / "models"), table_rows())
    rows = ROWS if options.seconds >= 1 else QUICK_ROWS
    sizes, taken = long_stream(options.folder / "long", rows)
    growth = max(sizes[1:]) - sizes[0]
    what = f"{rows:,} rows in one request: growth of memory after the first tenth"
    found.bars.append(bar("predictions", what, "at most", GROWTH_MIB, "MiB", Sample([growth])))
    found.tables.append(
        Table(f"{LEXICON}: {rows:,} rows in one request, {rows / taken:,.0f} rows/s, all of them on record",
              ["at", "resident MiB of the service, at most"],
              [[f"{tenth}0 %", Sample([size])] for tenth, size in enumerate(sizes, 1)])
    )  # fmt: skip
    return found


def compare(options: Options, found: Result, served: ServedModel, rows: Rows) -> None:
    """A stream beside the model alone."""
    folder, seconds = options.folder / f"stream-{served.name}", options.of(3)
    folder.mkdir(mode=0o755)
    model = load_model(ModelFolder(served.name, served.version, served.folder), QueueBounds(4096, 60.0))
    at_once, instances = model.manifest.batching.max_rows, instances_of(model, rows)
    with service(folder, served, rows.probe) as url:
        port = port_of(url)
        database = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
        watched = {"prediction-service": process_at(port), "Postgres": database}
        streamed = Contestant(
            lambda seconds: asyncio.run(answered_rows(port, rows, seconds)),
            lambda: {name: seconds_of_all(process) for name, process in watched.items()},
        )
        bare = Contestant(
            lambda seconds: alone(model.batcher.runtime.compute, instances, at_once, seconds),
            lambda: {HERE: time.process_time()},
        )
        duels = contest(streamed, {f"the model alone, {at_once} a call": bare}, options.pairs, seconds)
    (duel,) = duels.values()
    what = f"{served.name}: processor time of a row of a CSV stream, to the model alone"
    found.bars.append(bar("predictions", what, "at most", MOST, "×", duel.ratio()))
    found.tables.append(table(f"{served.name}: a row", "one stream of CSV", duels, 1))


def instances_of(model: Model, rows: Rows) -> list[Any]:
    """As the stream reads them."""
    reader = CsvRows(model.manifest.signature)
    reader.feed(b"\n".join([rows.header, *rows.lines]), last=True)
    return [row.instance for row in reader.take(len(rows.lines), MAX_RECORD_BYTES)]


def alone(compute: Compute, instances: list[Any], at_once: int, seconds: float) -> int:
    """How many rows in a plain loop on every processor."""
    done, end = [0] * PROCESSORS, time.perf_counter() + seconds
    again = [*instances, *instances[:at_once]]

    def loop(worker: int) -> None:
        while time.perf_counter() < end:
            first = done[worker] % len(instances)
            compute(again[first : first + at_once])
            done[worker] += at_once

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(PROCESSORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def pieces(rows: Rows, keep_on: Callable[[int], bool]) -> Iterator[bytes]:
    """The header, then rows while `keep_on` of how many there were says so."""
    yield b"_id,%b\n" % rows.header
    count, sent = len(rows.lines), 0
    while keep_on(sent):
        yield b"".join(b"%d,%b\n" % (number, rows.lines[number % count]) for number in range(sent, sent + AT_ONCE))
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


async def answered_rows(port: int, rows: Rows, seconds: float) -> int:
    """How many rows of one stream, all of them answered."""
    end = time.perf_counter() + seconds
    return await stream(port, pieces(rows, lambda _: time.perf_counter() < end), lambda _: None)


def long_stream(folder: Path, rows: int) -> tuple[list[float], float]:
    """The most memory that the service has taken in each tenth of a long stream, in MiB; and how long it took."""
    folder.mkdir(mode=0o755)
    with service(folder, served_model(LEXICON, folder / "models")) as url:
        port = port_of(url)
        resident = process_at(port).memory_info
        most = [0.0] * 10

        def look(line: int) -> None:
            if line % 500 == 0:
                tenth = min(line * 10 // rows, 9)
                most[tenth] = max(most[tenth], resident().rss / 2**20)

        started = time.perf_counter()
        answered = asyncio.run(stream(port, pieces(TEXT_ROWS, lambda sent: sent < rows), look))
        taken = time.perf_counter() - started
        assert answered == rows, answered
        return most, taken


def port_of(url: str) -> int:
    """Where the service listens."""
    return int(url.rpartition(":")[2].partition("/")[0])


def process_at(port: int) -> psutil.Process:
    """The process that listens there."""
    return next(
        psutil.Process(one.pid)
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and getattr(one.laddr, "port", None) == port and one.pid
    )
