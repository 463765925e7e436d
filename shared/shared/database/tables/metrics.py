"""Owned by the metrics-service."""

from sqlalchemy import Column, DateTime, Double, Integer, Table, Text, text

from shared.database.tables import metadata

SCHEMA = "metrics"

DEFAULT_PROFILE = ""
"""Name of the thresholds that hold for every model without its own; no model can be called that."""

threshold_profile = Table(
    "threshold_profile",
    metadata,
    Column("model_name", Text, primary_key=True, comment="'' for the default profile"),
    Column("min_confidence_warning", Double, nullable=False),
    Column("min_confidence_critical", Double, nullable=False),
    Column("max_inference_time_warning_ms", Double, nullable=False),
    Column("max_inference_time_critical_ms", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    schema=SCHEMA,
)
