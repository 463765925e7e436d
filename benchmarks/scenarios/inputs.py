"""What does drift of every input cost where predictions are written, in processor time of Postgres?

One connection writes a classifier's predictions by the recorder's own statement, with ten inputs in bins and without,
in turns, in commits of several sizes. What was put down is then counted, as the leading metrics-service does meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import asyncpg
from uuid_utils import uuid7

from benchmarks.harness.prediction_store import PredictionStore, make_store, store_server
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.turns import Sample, in_turns
from benchmarks.options import Options
from prediction_service.records.record import Record, columns
from prediction_service.records.statements import ADD
from shared.testing.postgres import PostgresServer

TITLE = "Inputs on the write path"
SIZES = (1, 8, 64, 512)
"""Predictions per commit: of one caller, of a few, of a busy model, of a stream."""
INPUTS, BINS = 10, 10
LEAST_SHARE = 0.85
TURN_SECONDS = 0.5
"""Of processor time."""
MOST_AT_ONCE = 200
"""Statements that the metrics-service counts in one step."""

WITHOUT, WITH, COUNTED = "without inputs", f"with {INPUTS} inputs in bins", "counted afterwards"


@dataclass
class Costs:
    """Microseconds of Postgres per prediction, turn by turn."""

    found: dict[str, list[float]] = field(default_factory=lambda: {WITHOUT: [], WITH: [], COUNTED: []})

    def sample(self, name: str) -> Sample:
        """The turns of one kind."""
        return Sample(self.found[name])


def run(options: Options) -> Result:
    """Size after size, on one Postgres."""
    folder = options.folder / "inputs"
    folder.mkdir(mode=0o755)
    with store_server(folder) as server:
        return asyncio.run(measure(server, options))


async def measure(server: PostgresServer, options: Options) -> Result:
    """Each size on the same database, which is as full for the one kind as for the other."""
    store, found = await make_store(server, "inputs"), Result(TITLE)
    rows: list[list[str | Sample]] = []
    for size in SIZES:
        costs = await costs_of(store, size, options)
        without, with_inputs, counted = (costs.sample(name) for name in (WITHOUT, WITH, COUNTED))
        share = without.over(with_inputs)
        rows.append([f"{size:,}", without, with_inputs, share, counted])
        what = f"predictions written per second of Postgres with {INPUTS} inputs, {size} per commit, to without"
        found.bars.append(bar("metrics", what, "at least", LEAST_SHARE, "×", share))
    names = ["per commit", *(f"{name}, µs" for name in (WITHOUT, WITH)), "ratio of rates", f"{COUNTED}, µs"]
    found.tables = [Table("Processor time of Postgres for a prediction", names, rows)]
    return found


async def costs_of(store: PredictionStore, size: int, options: Options) -> Costs:
    """Of commits of one size."""
    costs, generator = Costs(), Random(7)  # noqa: S311 - numbers to measure with, the same in every run
    async with store.connection() as connection:
        for name in in_turns((WITHOUT, WITH), options.short_turns):
            cost, written = await cost_of_writing(connection, generator, name, size, options.seconds * TURN_SECONDS)
            costs.found[name].append(cost)
            if name == WITH:
                costs.found[COUNTED].append(await cost_of_counting(connection) / written)
    return costs


async def cost_of_writing(
    connection: asyncpg.Connection, generator: Random, name: str, size: int, seconds: float
) -> tuple[float, int]:
    """Microseconds per prediction, and how many there were; writes until Postgres has worked so long."""
    batches = [[record(generator, has_inputs=name == WITH) for _ in range(size)] for _ in range(20)]
    spent, written = 0.0, 0
    while spent < seconds * 1e6:
        prepared = [columns([renewed(one) for one in batch]) for batch in batches]

        async def write(prepared: list[list[list[object]]] = prepared) -> None:
            for parameters in prepared:
                await connection.execute(ADD, *parameters)

        spent += await microseconds(connection, write)
        written += size * len(prepared)
    return spent / written, written


async def cost_of_counting(connection: asyncpg.Connection) -> float:
    """Microseconds until everything that was put down is counted."""

    async def count() -> None:
        while await connection.fetchval("SELECT metrics.count_inputs($1)", MOST_AT_ONCE):
            pass

    return await microseconds(connection, count)


async def microseconds(connection: asyncpg.Connection, work: Callable[[], Awaitable[None]]) -> float:
    """Processor time that the connection's own process at the server spends on some work."""
    before = microseconds_of(connection.get_server_pid())
    await work()
    return microseconds_of(connection.get_server_pid()) - before


def microseconds_of(process: int) -> float:
    """What a process has spent so far; Linux counts it in nanoseconds."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1000


def record(generator: Random, *, has_inputs: bool) -> Record:
    """What a classifier predicts of a table's row."""
    return Record(
        prediction_id="",
        created_at=datetime.now(UTC),
        model_name="churn",
        model_version="1.0.0",
        task_type="classification",
        prediction_label=generator.choice(("stays", "leaves")),
        confidence=generator.betavariate(8, 2),
        inference_time_ms=generator.lognormvariate(2, 0.5),
        input_length=generator.randint(1, 400),
        metrics_data={"batch_rows": 3, "queue_time_ms": 0.319},
        input_bins=[generator.randint(-1, BINS) for _ in range(INPUTS)] if has_inputs else None,
    )


def renewed(one: Record) -> Record:
    """The same prediction, made now."""
    return one._replace(prediction_id=str(uuid7()), created_at=datetime.now(UTC))
