"""What does a Python model's process of its own cost, beside the same code within the service?

The same `model.py` behind the same batcher, once in a worker process as it is served, once called where the batcher's
thread is.
"""

import asyncio
import importlib.util
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import uvloop

from benchmarks.contestants import HERE, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import seconds_of_all
from benchmarks.harness.turns import Sample, samples
from benchmarks.options import Options
from prediction_service.batching.batcher import Batcher
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.request.caller import Caller
from prediction_service.signature.signature import Instance

TITLE = "Python models"
CALLERS, SINGLE_CALLS = 64, 500
OVERHEAD_MS, MOST = 0.5, 1.25
WITHIN, OWN = "within the service", "in a process of its own"

MANIFEST = """
labels = ["stays", "leaves"]
[runtime]
kind = "python"
""" + "".join(f'[[inputs]]\nname = "x{number}"\ntype = "number"\n' for number in range(8))

CODE = '''
"""A churn model as people write it by hand: a logistic regression over eight columns."""
from math import exp

WEIGHTS = {"x0": 0.4, "x1": -0.2, "x2": 0.1, "x3": 0.05, "x4": -0.6, "x5": 0.3, "x6": 0.0, "x7": -0.1}


def predict(rows):
    return [probabilities(row) for row in rows]


def probabilities(row):
    score = sum(weight * row[name] for name, weight in WEIGHTS.items())
    leaves = 1 / (1 + exp(-score))
    return {"stays": 1 - leaves, "leaves": leaves}
'''

INSTANCES: list[Instance] = [tuple((number * place % 17) / 17 for place in range(1, 9)) for number in range(101)]


class WithinTheService:
    """The same code without a process of its own."""

    def __init__(self, folder: Path, names: Sequence[str], labels: Sequence[str]) -> None:
        spec = importlib.util.spec_from_file_location("benchmarked_model", folder / "model.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._predict, self._names, self._labels = module.predict, names, labels

    def compute(self, instances: Sequence[Instance]) -> list[list[float]]:
        """Rows as the model wants them, and what it gives as the service wants it."""
        rows = [dict(zip(self._names, instance, strict=True)) for instance in instances]
        return [[found[label] for label in self._labels] for found in self._predict(rows)]

    def is_quick(self, instances: Sequence[Instance]) -> bool:
        """As for the other."""
        return False

    def stop(self) -> None:
        """There is nothing to end."""


def run(options: Options) -> Result:
    """Processor time of a row of 64 callers, and one caller's time."""
    folder, seconds = options.folder / "python" / "own" / "1.0.0", options.of(3)
    folder.mkdir(parents=True, mode=0o755)
    (folder / "model.toml").write_text(MANIFEST)
    (folder / "model.py").write_text(CODE)
    manifest, bounds = read_manifest(folder), QueueBounds(4096, 60.0)
    within = WithinTheService(folder, manifest.signature.names, manifest.labels)
    batchers = {
        WITHIN: Batcher(
            "own/0.0.0",
            within,
            manifest.task,
            max_rows=32,
            workers=1,
            queue_rows=4096,
            timeout_seconds=60.0,
            call_seconds=30.0,
        ),
        OWN: load_model(ModelFolder("own", "1.0.0", folder), bounds).batcher,
    }
    try:
        duels = contest(loaded(batchers[OWN]), {WITHIN: loaded(batchers[WITHIN])}, options.pairs, seconds)
        times = samples({name: asked(batcher, one, seconds) for name, batcher in batchers.items()}, options.turns)
    finally:
        for batcher in batchers.values():
            batcher.runtime.stop()
    bare_ms, own_ms = times.values()
    return Result(
        TITLE,
        bars=[
            bar("predictions", "Python model, one caller: p50 with a process of its own, less that without",
                "at most", OVERHEAD_MS, "ms", own_ms.minus(bare_ms)),
            bar("predictions",
                f"Python model, {CALLERS} callers: processor time of a row with a process of its own, to without",
                "at most", MOST, "×", duels[WITHIN].ratio()),
        ],
        tables=[
            table("A logistic regression over eight columns in plain Python: a row", OWN, duels, CALLERS),
            Table("One caller", ["", "p50 in ms"], [[name, times[name]] for name in batchers]),
        ],
    )  # fmt: skip


def asked(batcher: Batcher, how: Any, seconds: float) -> Any:
    """A turn of one target."""
    return lambda: uvloop.run(how(batcher, seconds))


async def stays() -> None:
    """A caller who does not leave."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def loaded(batcher: Batcher) -> Contestant:
    """All callers at once; the model's own process counts as well."""
    here = psutil.Process()
    return Contestant(lambda seconds: uvloop.run(many(batcher, seconds)), lambda: {HERE: seconds_of_all(here)})


async def many(batcher: Batcher, seconds: float) -> int:
    """How many rows of all callers."""
    done, end = 0, time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await batcher.run([INSTANCES[done % len(INSTANCES)]], Caller(stays))
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done


async def one(batcher: Batcher, seconds: float) -> float:
    """Median milliseconds of a caller who is alone."""
    times = []
    for number in range(SINGLE_CALLS):
        started = time.perf_counter()
        await batcher.run([INSTANCES[number % len(INSTANCES)]], Caller(stays))
        times.append((time.perf_counter() - started) * 1000)
    return Sample(times).middle
