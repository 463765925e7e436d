"""Owned by the prediction-service, which may only insert predictions; read by the metrics-service."""

from sqlalchemy import CheckConstraint, Column, DateTime, Double, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.tables import metadata

SCHEMA = "predictions"

prediction = Table(
    "prediction",
    metadata,
    Column("prediction_id", UUID(as_uuid=True), primary_key=True),
    # Part of the key because the table is partitioned by it; an id and its time never change apart.
    Column("created_at", DateTime(timezone=True), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("prediction_label", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("inference_time_ms", Double, nullable=False),
    Column("input_length", Integer, nullable=False),
    Column("metrics_data", JSONB, nullable=False),
    Column("text", Text, comment="Only when STORE_TEXT is on"),
    # One NaN would spoil every sum it is added to; these refuse it.
    CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    CheckConstraint("inference_time_ms >= 0 AND inference_time_ms < 'infinity'", name="inference_time_ms"),
    CheckConstraint("input_length >= 0", name="input_length"),
    Index(None, "created_at"),
    schema=SCHEMA,
    postgresql_partition_by="RANGE (created_at)",
)

model = Table(
    "model",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("task_type", Text, nullable=False),
    Column("labels", ARRAY(Text), nullable=False),
    Column("digest", Text, nullable=False, comment="SHA-256 over the files of its folder"),
    Column("baseline", JSONB, comment="the figures of its baseline.json"),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column(
        "seen_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("now()"),
        comment="when a prediction-service last said that it is loaded",
    ),
    schema=SCHEMA,
)
