"""Owned by the metrics-service, filled by a trigger on the predictions: what they add up to, per stretch of time.

Each of these says of one model, version and task how its predictions are; `bucket` is when the stretch begins, in UTC,
`minutes` how long it is. The trigger fills the batches, a row or a few per statement; the metrics-service counts them
into the others. The views `rollup`, `value_rollup` and `label_rollup` have both: what is counted and what is not yet.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.tables import metadata

SCHEMA = "metrics"


def series() -> list[Column[Any]]:
    """Whose predictions a row is about."""
    return [Column(name, Text, primary_key=True) for name in ("model_name", "model_version", "task_type")]


def stretch(minutes: str | None = None, bucket: str | None = None) -> list[Column[Any]]:
    """Which stretch of time a row is about; with what is said of these columns in the database."""
    return [
        Column("minutes", SmallInteger, primary_key=True, comment=minutes),
        Column("bucket", DateTime(timezone=True), primary_key=True, comment=bucket),
    ]


rollup_counted = Table(
    "rollup_counted",
    metadata,
    *stretch("width of the bucket: 1, 10, 60, 360 or 1440 minutes", "when the bucket begins, in UTC"),
    Column(
        "writer",
        SmallInteger,
        primary_key=True,
        comment="0; writers at the same time had different numbers once",
    ),
    *series(),
    Column(
        "prediction_label",
        Text,
        primary_key=True,
        comment="'': predictions without a label; no label is called that",
    ),
    Column("predictions", BigInteger, nullable=False),
    Column("confidence_sum", Double, nullable=False),
    Column("time_sum", Double, nullable=False),
    Column("time_min", Double, nullable=False),
    Column("time_max", Double, nullable=False),
    Column("time_bins", ARRAY(Integer), nullable=False),
    Column(
        "time_counts",
        ARRAY(Integer),
        nullable=False,
        comment="how many inference times fell into the bin of the same position",
    ),
    Column("shape_bins", ARRAY(Integer), nullable=False),
    Column(
        "shape_counts",
        ARRAY(Integer),
        nullable=False,
        comment="the same for bins of confidence (0-19) and of input length (100-116)",
    ),
    Column(
        "without_confidence",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="how many of the predictions have no confidence",
    ),
    schema=SCHEMA,
)

value_rollup_counted = Table(
    "value_rollup_counted",
    metadata,
    *stretch(),
    Column("writer", SmallInteger, primary_key=True, comment="0; writers at the same time had different numbers once"),
    *series(),
    Column("predictions", BigInteger, nullable=False, comment="those that have a value"),
    Column("value_sum", Double, nullable=False),
    Column("value_min", Double, nullable=False),
    Column("value_max", Double, nullable=False),
    Column("value_bins", ARRAY(Integer), nullable=False),
    Column("value_counts", ARRAY(Integer), nullable=False),
    schema=SCHEMA,
)

label_rollup_counted = Table(
    "label_rollup_counted",
    metadata,
    *stretch(),
    Column("writer", SmallInteger, primary_key=True, comment="0; writers at the same time had different numbers once"),
    *series(),
    Column("predictions", BigInteger, nullable=False, comment="those whose labels are known, if they have any or not"),
    Column("label_names", ARRAY(Text), nullable=False),
    Column("label_counts", ARRAY(Integer), nullable=False, comment="how many have the label of the same position"),
    schema=SCHEMA,
)

error_rollup = Table(
    "error_rollup",
    metadata,
    *stretch(),
    *series(),
    Column("is_trusted", Boolean, primary_key=True, comment="whether they were judged with the admin token"),
    Column("judged", BigInteger, nullable=False),
    Column("error_sum", Numeric, nullable=False, comment="of the absolute distances"),
    Column("square_sum", Numeric, nullable=False, comment="of their squares"),
    schema=SCHEMA,
)

prediction_batch = Table(
    "prediction_batch",
    metadata,
    Column("minute", DateTime(timezone=True), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("model_name", "model_version", "task_type", "prediction_label")),
    *(Column(name, BigInteger, nullable=False) for name in ("predictions", "without_confidence")),
    *(Column(name, Double, nullable=False) for name in ("confidence_sum", "time_sum", "time_min", "time_max")),
    Column("time_bins", ARRAY(Integer), nullable=False, comment="one per prediction"),
    Column(
        "shape_bins",
        ARRAY(Integer),
        nullable=False,
        comment="one of its length per prediction, one per confidence",
    ),
    *(Column(name, Double) for name in ("value_sum", "value_min", "value_max")),
    Column("value_bins", ARRAY(Integer), comment="one per value"),
    Column("label_lists", JSONB, comment="one per prediction whose labels are known"),
    schema=SCHEMA,
    comment="what a statement has written, until it is counted in the rollups",
)

input_rollup = Table(
    "input_rollup",
    metadata,
    *stretch("width of the bucket: 1 or 60 minutes"),
    *series(),
    Column(
        "input_bins",
        ARRAY(Integer),
        nullable=False,
        comment="65536 * position in the manifest (from 0) + 1 + bin (-1: missing)",
    ),
    Column("input_counts", ARRAY(Integer), nullable=False),
    schema=SCHEMA,
)

input_batch = Table(
    "input_batch",
    metadata,
    Column("minute", DateTime(timezone=True), nullable=False, index=True),
    *(Column(name, Text, nullable=False) for name in ("model_name", "model_version", "task_type")),
    Column("input_bins", ARRAY(SmallInteger, dimensions=2), nullable=False, comment="one row per prediction"),
    schema=SCHEMA,
)
"""What a statement has written, until it is counted in input_rollup."""


def of_key(*, is_key: bool) -> list[Column[Any]]:
    """Whose predictions a row is about, and what they add up to."""
    return [
        Column("key_id", UUID(as_uuid=True), primary_key=is_key, nullable=False),
        *(Column(name, Text, primary_key=is_key, nullable=False) for name in ("model_name", "model_version")),
        Column("predictions", BigInteger, nullable=False),
        Column("without_confidence", BigInteger, nullable=False),
        Column("confidence_sum", Double, nullable=False),
        Column("time_sum", Double, nullable=False),
    ]


key_rollup = Table(
    "key_rollup",
    metadata,
    *stretch("width of the bucket: 60 or 1440 minutes"),
    *of_key(is_key=True),
    Index(None, "minutes", "bucket"),
    schema=SCHEMA,
)

key_batch = Table(
    "key_batch",
    metadata,
    Column("hour", DateTime(timezone=True), nullable=False),
    *of_key(is_key=False),
    comment="what a statement has written of a key, until it is in key_rollup",
    schema=SCHEMA,
)
