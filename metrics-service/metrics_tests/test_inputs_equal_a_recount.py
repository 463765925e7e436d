"""Whatever inputs were written, counted or not yet: a window's are those that a recount of the raw rows finds."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.compaction import Compaction
from metrics_service.windows.distributions import distributions
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests.rows import Row, insert_over, register
from shared.contracts.baseline import CategoryInput, NumberInput
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
ROOMS = NumberInput(edges=[1.0, 2.5, 4.0], counts=[0] * 4)
CITY = CategoryInput(values=["Ankara", "Izmir"], counts=[0, 0])
NAMES = ["rooms", "comment", "city"]
INPUTS = {"rooms": ROOMS.model_dump(), "city": CITY.model_dump()}
WINDOWS = 40
RAW = """
    SELECT position::int - 1, bin::int, count(*)::int
    FROM predictions.prediction, unnest(input_bins) WITH ORDINALITY AS input (bin, position)
    WHERE model_name = 'churn' AND created_at >= $1 AND created_at < $2 AND bin IS NOT NULL
    GROUP BY 1, 2
"""


def random_row(rng: random.Random) -> Row:
    """Of a model whose second input has no bins, now and then one from before it had any, and of another one."""
    rooms, city = rng.choice([None, 0.5, 1.0, 2.5, 3.0, 9.0]), rng.choice([None, "Ankara", "Izmir", "Bursa"])
    bins = (ROOMS.bin_of(rooms), None, CITY.bin_of(city))
    return Row(
        created_at=MIDNIGHT + timedelta(seconds=rng.choice([0, 1, 59, 60, 3599, 3600, rng.uniform(-7200, 7200)])),
        model_name=rng.choice(["churn", "churn", "churn", "other"]),
        model_version=rng.choice(["1.0.0", "1.1.0"]),
        input_bins=rng.choice([bins, bins, bins, None]),
    )


async def test_every_window_at_every_stage_of_counting(database: Database, engine: AsyncEngine) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for version in ("1.0.0", "1.1.0"):
        await register(database, "churn", version, baseline={"inputs": INPUTS}, input_names=NAMES)
    compaction = Compaction(engine)
    writer = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    for _ in range(WINDOWS):
        for _ in range(rng.randrange(4)):
            await insert_over(writer, [random_row(rng) for _ in range(rng.randrange(1, 20))])
        if rng.random() < 0.3:
            await compaction.compact()
        start = MIDNIGHT + timedelta(seconds=rng.choice([-7200, -3600, -60, 0, rng.uniform(-8000, 8000)]))
        end = start + timedelta(seconds=rng.choice([1, 60, 3600, 7200, rng.uniform(1, 9000)]))
        ours = await distributions(engine, Selection(Window(start, end), model_name="churn"))
        raw = Counter({(position, number): n for position, number, n in await database.fetch(RAW, start, end)})
        found = {
            (NAMES.index(bins.name), number): n for bins, counts in ours.inputs.items() for number, n in counts.items()
        }
        assert found == dict(raw)
    await writer.close()
    while await compaction.compact():
        pass
    assert (await database.fetch("SELECT count(*) FROM metrics.input_batch"))[0][0] == 0


async def test_inputs_of_another_number_than_before_are_counted_beside_them(
    database: Database, engine: AsyncEngine
) -> None:
    """Arrays of several lengths in one statement would make no array of arrays; nobody's prediction is lost for it."""
    await register(database, "churn", baseline={"inputs": INPUTS}, input_names=NAMES)
    writer = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    lists = [(0, None, 0), (0,), (), (1, None, 2, 7), (99, None, 99)]
    await insert_over(writer, [Row(created_at=MIDNIGHT, model_name="churn", input_bins=bins) for bins in lists])
    await writer.close()
    selection = Selection(Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=1)), model_name="churn")
    for _ in range(2):
        found = (await distributions(engine, selection)).inputs
        assert {bins.name: dict(counts) for bins, counts in found.items()} == {
            "rooms": {0: 2, 1: 1},
            "city": {0: 1, 2: 1},
        }
        await Compaction(engine).compact()
