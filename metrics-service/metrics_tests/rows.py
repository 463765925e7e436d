"""Predictions for tests, written by the role that writes them in production."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from shared.database.urls import for_libpq
from shared.testing.postgres import Database

INSERT_EVERY_TASK = """
    INSERT INTO predictions.prediction (
        prediction_id, created_at, model_name, model_version, task_type, prediction_label, confidence,
        inference_time_ms, input_length, prediction_value, labels, input_bins, caller, metrics_data
    ) SELECT a, b, c, d, e, f, g, h, i, value, labels::text[], input_bins::smallint[], caller, '{}'::jsonb FROM unnest(
        $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::float8[], $8::float8[], $9::int[], $10::float8[], $11::text[], $12::text[],
        $13::uuid[]
    ) AS row (a, b, c, d, e, f, g, h, i, value, labels, input_bins, caller) ON CONFLICT DO NOTHING
"""

INSERT_WITH_KEYS = (
    INSERT_EVERY_TASK.replace("caller,", "caller, key_id,")
    .replace("bins, caller)", "bins, caller, key_id)")
    .replace("$13::uuid[]", "$13::uuid[], $14::uuid[]")
)

INSERT = """
    INSERT INTO predictions.prediction (
        prediction_id, created_at, model_name, model_version, task_type, prediction_label, confidence,
        inference_time_ms, input_length, metrics_data
    ) SELECT *, '{}'::jsonb FROM unnest(
        $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::float8[], $8::float8[], $9::int[]
    ) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Row:
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    label: str | None = "positive"
    confidence: float | None = 0.9
    time_ms: float = 10.0
    model_name: str = "lexicon"
    model_version: str = "1.0.0"
    task_type: str = "classification"
    input_length: int = 20
    value: float | None = None
    labels: tuple[str, ...] | None = None
    input_bins: tuple[int | None, ...] | None = None
    prediction_id: UUID = field(default_factory=uuid4)
    caller: UUID | None = None
    key_id: UUID | None = None


async def insert(database: Database, rows: Iterable[Row]) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    try:
        await insert_over(connection, rows)
    finally:
        await connection.close()


async def counted(database: Database) -> None:
    """Returns once all predictions are counted in the rollups, by whomever: a service that leads counts as well."""
    while await database.fetch("SELECT FROM metrics.prediction_batch LIMIT 1"):
        await database.fetch("SELECT metrics.count_predictions(1000)")


async def insert_over(connection: asyncpg.Connection, rows: Iterable[Row]) -> None:
    """As a recorder does; of rows that have nothing of what came with other tasks, as one from before them."""
    rows = list(rows)
    with_keys = any(row.key_id for row in rows)
    is_newer = with_keys or any((row.value, row.labels, row.input_bins, row.caller) != (None,) * 4 for row in rows)
    columns = zip(
        *(
            (
                row.prediction_id,
                row.created_at,
                row.model_name,
                row.model_version,
                row.task_type,
                row.label,
                row.confidence,
                row.time_ms,
                row.input_length,
                *((row.value, array(row.labels), array(row.input_bins), row.caller) if is_newer else ()),
                *((row.key_id,) if with_keys else ()),
            )
            for row in rows
        ),
        strict=True,
    )
    statement = INSERT_WITH_KEYS if with_keys else INSERT_EVERY_TASK if is_newer else INSERT
    await connection.execute(statement, *columns)


def array(values: tuple[str, ...] | tuple[int | None, ...] | None) -> str | None:
    """As Postgres reads it; the labels of tests are words."""
    return None if values is None else "{" + ",".join("NULL" if v is None else str(v) for v in values) + "}"


@asynccontextmanager
async def writers_to(database: Database, number: int) -> AsyncIterator[list[asyncpg.Connection]]:
    """So many connections as the prediction-service's role has them."""
    url = for_libpq(database.url("prediction_service"))
    connections = [await asyncpg.connect(url) for _ in range(number)]
    yield connections
    for connection in connections:
        await connection.close()


REGISTER = """
    INSERT INTO predictions.model (model_name, model_version, task_type, labels, digest, baseline, seen_at, input_names)
    VALUES ($1, $2, $3, $4, $5, $6, now() - $7 * interval '1 second', $8)
    ON CONFLICT (model_name, model_version) DO UPDATE SET labels = excluded.labels, seen_at = excluded.seen_at
"""


async def register(
    database: Database,
    name: str,
    version: str = "1.0.0",
    *,
    labels: Iterable[str] = ("positive", "negative", "neutral"),
    task_type: str = "classification",
    baseline: dict | None = None,
    input_names: Iterable[str] | None = None,
    seconds_ago: float = 0,
) -> None:
    """As a prediction-service does that has loaded the model."""
    figures = None if baseline is None else json.dumps(baseline)
    connection = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    try:
        await connection.execute(
            REGISTER, name, version, task_type, list(labels), f"digest of {name} {version}", figures, seconds_ago,
            None if input_names is None else list(input_names),
        )  # fmt: skip
    finally:
        await connection.close()
