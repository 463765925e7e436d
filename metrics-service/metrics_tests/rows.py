"""Predictions for tests, written by the role that writes them in production."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from shared.database.urls import for_libpq
from shared.testing.postgres import Database

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
    label: str = "positive"
    confidence: float = 0.9
    time_ms: float = 10.0
    model_name: str = "lexicon"
    model_version: str = "1.0.0"
    task_type: str = "classification"
    input_length: int = 20
    prediction_id: UUID = field(default_factory=uuid4)


async def insert(database: Database, rows: Iterable[Row]) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    try:
        await insert_over(connection, rows)
    finally:
        await connection.close()


async def insert_over(connection: asyncpg.Connection, rows: Iterable[Row]) -> None:
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
            )
            for row in rows
        ),
        strict=True,
    )
    await connection.execute(INSERT, *columns)


REGISTER = """
    INSERT INTO predictions.model (model_name, model_version, task_type, labels, digest, baseline, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, now() - $7 * interval '1 second')
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
    seconds_ago: float = 0,
) -> None:
    """As a prediction-service does that has loaded the model."""
    figures = None if baseline is None else json.dumps(baseline)
    connection = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    try:
        await connection.execute(
            REGISTER, name, version, task_type, list(labels), f"digest of {name} {version}", figures, seconds_ago
        )
    finally:
        await connection.close()
