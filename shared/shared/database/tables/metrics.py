"""Owned by the metrics-service."""

from sqlalchemy import BigInteger, Column, DateTime, Double, Integer, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

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

ROLLUP_MINUTES = (1, 10, 60, 1440)
"""Widths of the rollups' buckets, in minutes; each divides the next. Buckets begin at whole widths of UTC."""

rollup = Table(
    "rollup",
    metadata,
    Column("minutes", SmallInteger, primary_key=True, comment="width of the bucket: 1, 10, 60 or 1440 minutes"),
    Column("bucket", DateTime(timezone=True), primary_key=True, comment="when the bucket begins, in UTC"),
    Column("writer", SmallInteger, primary_key=True, comment="readers sum over them"),
    Column("model_name", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("task_type", Text, primary_key=True),
    Column("prediction_label", Text, primary_key=True),
    Column("predictions", BigInteger, nullable=False),
    Column("confidence_sum", Double, nullable=False),
    Column("time_sum", Double, nullable=False),
    Column("time_min", Double, nullable=False),
    Column("time_max", Double, nullable=False),
    Column("time_bins", ARRAY(Integer), nullable=False),
    Column("time_counts", ARRAY(Integer), nullable=False),
    Column("shape_bins", ARRAY(Integer), nullable=False),
    Column("shape_counts", ARRAY(Integer), nullable=False),
    schema=SCHEMA,
)
