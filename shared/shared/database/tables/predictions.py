"""Owned by the prediction-service, which may only insert predictions; read by the metrics-service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
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
    Column("prediction_label", Text, comment="null: the task has none, or none was sure enough"),
    Column("confidence", Double, comment="null: the model has none"),
    Column("inference_time_ms", Double, nullable=False),
    Column("input_length", Integer, nullable=False),
    Column("metrics_data", JSONB, nullable=False),
    Column("text", Text, comment="Only when STORE_TEXT is on"),
    Column("prediction_value", Double, comment="of a regression its value, of an embedding its norm"),
    Column(
        "input_bins",
        ARRAY(SmallInteger),
        comment="one per input of the manifest, by the edges and values of baseline.json; "
        "-1: missing, null: has no bins",
    ),
    Column("inputs", JSONB, comment="Only when STORE_INPUTS is on"),
    Column("labels", ARRAY(Text), comment="of a multilabel model: all that were sure enough"),
    Column(
        "caller",
        UUID(as_uuid=True),
        comment="digest of the key it came with, by its id, or else of the address; null: none was told",
    ),
    Column("key_id", UUID(as_uuid=True), comment="of the key it came with; found by caller, which has an index"),
    # One NaN would spoil every sum it is added to; these refuse it.
    CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    CheckConstraint("inference_time_ms >= 0 AND inference_time_ms < 'infinity'", name="inference_time_ms"),
    CheckConstraint("input_length >= 0", name="input_length"),
    CheckConstraint("prediction_value BETWEEN -1e150 AND 1e150", name="value"),
    CheckConstraint("-1 <= ALL (input_bins) AND cardinality(input_bins) <= 4096", name="input_bins"),
    Index(None, "created_at"),
    Index(None, "caller", "created_at", postgresql_where=text("caller IS NOT NULL")),
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
    Column("input_names", ARRAY(Text), comment="the inputs of its manifest, in the order of input_bins"),
    schema=SCHEMA,
)

erasure = Table(
    "erasure",
    metadata,
    Column("erasure_id", BigInteger, Identity(always=True), primary_key=True),
    Column("prediction_id", UUID(as_uuid=True)),
    Column("caller", UUID(as_uuid=True)),
    Column("model_name", Text, comment="of a caller: only predictions of this model; null: of all"),
    Column(
        "until", DateTime(timezone=True), nullable=False, comment="when it was asked for: what was made later stays"
    ),
    Column("finished_at", DateTime(timezone=True), comment="when a look some time later found nothing more"),
    CheckConstraint("(prediction_id IS NULL) <> (caller IS NULL)", name="what"),
    Index(None, "prediction_id", postgresql_where=text("prediction_id IS NOT NULL")),
    Index(None, "caller", postgresql_where=text("caller IS NOT NULL")),
    Index("erasure_open_idx", "erasure_id", postgresql_where=text("finished_at IS NULL")),
    schema=SCHEMA,
)

kept_response = Table(
    "kept_response",
    metadata,
    Column("key", LargeBinary, primary_key=True, comment="hash of the caller and its Idempotency-Key"),
    Column(
        "fingerprint", LargeBinary, nullable=False, comment="hash of the path and the body that came under this key"
    ),
    Column("response", LargeBinary, nullable=False, comment="the body of the response"),
    Column("prediction_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index(None, "created_at"),
    schema=SCHEMA,
)

shadow = Table(
    "shadow",
    metadata,
    Column(
        "prediction_id",
        UUID(as_uuid=True),
        primary_key=True,
        comment="of the prediction that the stable version made",
    ),
    Column("made_at", DateTime(timezone=True), primary_key=True, comment="when that was made"),
    Column("model_name", Text, nullable=False),
    Column("stable_version", Text, nullable=False),
    Column("candidate_version", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, comment="of the rollout"),
    Column("task_type", Text, nullable=False),
    Column("stable_label", Text),
    Column("stable_confidence", Double),
    Column("stable_value", Double),
    Column("stable_time_ms", Double, nullable=False),
    Column("prediction_label", Text),
    Column("confidence", Double),
    Column("prediction_value", Double),
    Column("labels", ARRAY(Text)),
    Column("inference_time_ms", Double),
    Column("error", Text, comment="why the candidate could not compute it; then there is nothing of it"),
    Column("agrees", Boolean, comment="whether labels or outputs are the same; null: the task has neither"),
    Column(
        "distance",
        Double,
        comment="of scores half the sum of differences, of labels 1 - Jaccard, of values the difference, "
        "of vectors 1 - cosine",
    ),
    Index(None, "model_name", "started_at", "made_at"),
    schema=SCHEMA,
    postgresql_partition_by="RANGE (made_at)",
)
