"""What does batching cost and bring for an ONNX model? The service against the model alone.

Alone the model runs in a plain loop on as many threads as there are processors; that is what the batcher and the whole
service (HTTP, record in Postgres) are measured against.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.contestants import HERE, loaded, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.load import TEXT, wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Probe, Server
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from benchmarks.targets import PREDICT, ServedModel, served_model
from prediction_service.batching.batcher import Batcher
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.request.caller import Caller
from shared.embedded.ports import free_ports

TITLE = "Batching"
PROCESSORS = os.cpu_count() or 1
CALLERS, SINGLE_CALLS = 64, 200
ALONE = "the model alone, a loop on each processor"
BUSY_WANTED, SINGLE_WANTED, P50_MS = 1.18, 1.05, 5
WORDS = TEXT.removesuffix("!").split()
TEXTS = [" ".join([*WORDS[number % 5 :], *WORDS * 4]) for number in range(101)]
"""About 24 words each."""

Compute = Callable[[list[str]], object]


def run(options: Options) -> Result:
    """Processor time of a text of 64 callers, and one caller's time."""
    folder, seconds = options.folder / "batching", options.of(2)
    folder.mkdir(mode=0o755)
    served = served_model(options.model, folder / "models")
    model = load_model(ModelFolder(served.name, served.version, served.folder), QueueBounds(4096, 60.0))
    compute = model.batcher.runtime.compute
    batcher = here(lambda seconds: uvloop.run(through_batcher(model.batcher, seconds)))
    bare = here(lambda seconds: alone(compute, seconds))
    duels = contest(batcher, {ALONE: bare}, options.pairs, seconds)
    with running_service(folder, served) as server:
        url, body = f"http://127.0.0.1:{server.port}/predict", f'{{"text": "{TEXTS[0]}"}}'
        whole = loaded(server, lambda seconds: wrk(url, CALLERS, seconds, body))
        whole_duels = contest(whole, {ALONE: bare}, options.pairs, seconds)
    times = alternate({"one caller": lambda: uvloop.run(single_caller(model.batcher, compute))}, options.short_turns)
    direct, batched = (Sample(list(turn)) for turn in zip(*times["one caller"], strict=True))
    own_time = [bar("model", f"{served.name}, one text of up to 32 tokens: p50", "at most", P50_MS, "ms", direct)]
    return Result(
        TITLE,
        bars=[
            *(own_time if served.name == "sentiment" else ()),
            bar("predictions",
                f"{served.name}, {CALLERS} callers: processor time of a text through the batcher, to the model alone",
                "at most", BUSY_WANTED, "×", duels[ALONE].ratio()),
            bar("predictions", f"{served.name}, one caller: time with batching, to without",
                "at most", SINGLE_WANTED, "×", batched.over(direct)),
        ],
        tables=[
            table(f"{served.name}: a text", "the batcher", duels, CALLERS),
            table(f"{served.name}: a text", "the whole service", whole_duels, CALLERS),
            Table("One caller", ["", "ms"], [["without batching", direct], ["with batching", batched]]),
        ],
    )  # fmt: skip


def here(work: Callable[[float], int]) -> Contestant:
    """Somebody who works in this process."""
    return Contestant(work, lambda: {HERE: time.process_time()})


def alone(compute: Compute, seconds: float) -> int:
    """How many texts in a plain loop on every processor."""
    done, end = [0] * PROCESSORS, time.perf_counter() + seconds

    def loop(worker: int) -> None:
        while time.perf_counter() < end:
            compute([TEXTS[done[worker] % len(TEXTS)]])
            done[worker] += 1

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(PROCESSORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


async def stays() -> None:
    """A caller who does not leave."""
    await asyncio.Event().wait()


async def through_batcher(batcher: Batcher, seconds: float) -> int:
    """How many texts with all callers at once."""
    done, end = 0, time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await batcher.run([TEXTS[done % len(TEXTS)]], Caller(stays))
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done


async def single_caller(batcher: Batcher, compute: Compute) -> tuple[float, float]:
    """Median milliseconds for one caller who waits on the event loop: without batching, and with it, in turns.

    Both include the hop to a thread and back, which any server pays that goes on answering while a model computes.
    """
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    times: dict[str, list[float]] = {"direct": [], "batched": []}
    for number in range(SINGLE_CALLS):
        text = [TEXTS[number % len(TEXTS)]]
        started = time.perf_counter()
        await loop.run_in_executor(thread, compute, text)
        times["direct"].append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        await batcher.run(text, Caller(stays))
        times["batched"].append((time.perf_counter() - started) * 1000)
    return Sample(times["direct"]).middle, Sample(times["batched"]).middle


@contextmanager
def service(folder: Path, model: ServedModel, probe: Probe = PREDICT) -> Iterator[str]:
    """The whole service with a Postgres of its own; where it predicts."""
    with running_service(folder, model, probe) as server:
        yield f"http://127.0.0.1:{server.port}/predict"


@contextmanager
def running_service(folder: Path, model: ServedModel, probe: Probe = PREDICT) -> Iterator[Server]:
    """The same as a server."""
    with postgres_server(folder) as postgres:
        database, port = asyncio.run(postgres.make_database()), next(free_ports())
        variables = {
            "PORT": str(port), "ADMIN_TOKEN": "of-the-benchmarks",
            "DATABASE_URL": database.url("prediction_service").get_secret_value(),
            "MODELS_DIR": str(model.repository), "DEFAULT_MODEL": model.name,
            "JOURNAL_DIR": str(folder / "journal"), "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        with Server([sys.executable, "-m", "prediction_service"], port, folder, variables).running(probe) as server:
            yield server
