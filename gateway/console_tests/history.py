"""A day of traffic for the console to show, written into the record of a stack as its recorder writes it."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

INSERT = """
    INSERT INTO predictions.prediction (
        prediction_id, created_at, model_name, model_version, task_type, prediction_label, confidence,
        inference_time_ms, input_length, metrics_data
    ) SELECT *, '{}'::jsonb FROM unnest(
        $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::float8[], $8::float8[], $9::int[]
    )
"""
ROWS_AT_A_TIME = 5_000


@dataclass(frozen=True)
class Model:
    """How a model is asked and what it says: `labels` with their weights; times in milliseconds (median)."""

    name: str
    version: str
    task_type: str
    labels: dict[str, float]
    share: float
    time_ms: float


MODELS = (
    Model("sentiment", "2.1.0", "classification", {"positive": 5, "neutral": 3, "negative": 2}, 0.7, 4.0),
    Model("sentiment-lexicon", "1.0.0", "classification", {"positive": 4, "neutral": 4, "negative": 2}, 0.2, 0.4),
    Model("spam-words", "1.0.0", "spam-detection", {"ham": 8, "spam": 2}, 0.1, 0.7),
)
Row = tuple[UUID, datetime, str, str, str, str, float, float, int]


def uuid7(moment: datetime, chance: random.Random) -> UUID:
    """An id as predictions have it: of this moment, and otherwise of chance."""
    milliseconds = int(moment.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62)
    return UUID(int=value)


def rows(end: datetime, hours: float, per_second: float, chance: random.Random) -> Iterator[Row]:
    """Predictions until `end`, more of them at noon (UTC) than at midnight; on average `per_second` of them."""
    moment = end - timedelta(hours=hours)
    while True:
        hour = moment.hour + moment.minute / 60
        busy = 1 - 0.75 * math.cos(2 * math.pi * hour / 24)
        moment += timedelta(seconds=chance.expovariate(per_second * busy))
        if moment >= end:
            return
        (model,) = chance.choices(MODELS, [one.share for one in MODELS])
        (label,) = chance.choices(list(model.labels), list(model.labels.values()))
        confidence = min(0.999, max(0.35, chance.betavariate(9, 1.4) - 0.04 * math.sin(hour)))
        time_ms = chance.lognormvariate(math.log(model.time_ms * (0.8 + 0.3 * busy)), 0.35)
        length = int(chance.lognormvariate(3.6, 0.6)) + 1
        yield (
            uuid7(moment, chance),
            moment,
            model.name,
            model.version,
            model.task_type,
            label,
            confidence,
            time_ms,
            length,
        )


async def write_history(folder: Path, postgres_port: int, *, hours: float, per_second: float, seed: int) -> int:
    """Writes it into the stack of `folder`; answers how many predictions these are."""
    password = json.loads((folder / "secrets.json").read_text())["prediction_service"]
    connection = await asyncpg.connect(
        host="127.0.0.1", port=postgres_port, user="prediction_service", password=password, database="modelserver"
    )
    written = 0
    try:
        waiting: list[Row] = []
        for row in rows(datetime.now(UTC), hours, per_second, random.Random(seed)):
            waiting.append(row)
            if len(waiting) == ROWS_AT_A_TIME:
                written += await insert(connection, waiting)
                waiting = []
        return written + await insert(connection, waiting)
    finally:
        await connection.close()


async def insert(connection: asyncpg.Connection, batch: list[Row]) -> int:
    if batch:
        await connection.execute(INSERT, *zip(*batch, strict=True))
    return len(batch)
