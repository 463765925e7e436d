"""Owned by the metrics-service; its rollups are in a file of their own."""

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
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

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
    *(
        Column(f"{limit}_{severity}", Double)
        for limit in ("min_value", "max_value", "max_mae")
        for severity in ("warning", "critical")
    ),
    schema=SCHEMA,
)

threshold_change = Table(
    "threshold_change",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_name", Text, nullable=False, comment="'' for the default profile"),
    Column("version", Integer, nullable=False),
    Column("before", JSONB, nullable=False, comment="the thresholds that were in force, its own or the default ones"),
    Column("after", JSONB, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False, comment="X-Forwarded-For as the gateway sent it, else the peer"),
    Column("actor_key_id", UUID(as_uuid=True), comment="of the key it was asked with; null: the admin token"),
    Index(None, "model_name", "change_id"),
    schema=SCHEMA,
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", UUID(as_uuid=True), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("signal", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("threshold", Text, nullable=False),
    Column("threshold_value", Double, nullable=False),
    Column("measured_value", Double, nullable=False, comment="when the severity last changed"),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("about", Text, nullable=False, server_default=text("''")),
    Column(
        "history",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="every severity it had, with the evidence for it; normal: what closed it",
    ),
    Column(
        "announced",
        Text,
        nullable=False,
        server_default=text("'normal'"),
        comment="the severity that receivers were told last; normal: that it is over",
    ),
    Index("alert_open_key", "model_name", "signal", unique=True, postgresql_where=text("closed_at IS NULL")),
    Index(None, "model_name", "signal", "closed_at"),
    schema=SCHEMA,
)

alert_delivery = Table(
    "alert_delivery",
    metadata,
    Column("delivery_id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("webhook", Text, nullable=False, comment="digest of its URL, which may hold a secret"),
    Column("model_name", Text, nullable=False),
    Column("event", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
    Index(
        "alert_delivery_due_idx",
        "webhook",
        "model_name",
        "delivery_id",
        postgresql_where=text("delivered_at IS NULL"),
    ),
    schema=SCHEMA,
)

feedback = Table(
    "feedback",
    metadata,
    Column("prediction_id", UUID(as_uuid=True), primary_key=True),
    Column("predicted_at", DateTime(timezone=True), nullable=False, index=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("task_type", Text, nullable=False),
    Column("prediction_label", Text),
    Column("actual_label", Text),
    Column("given_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("given_by", Text, nullable=False, server_default=text("''"), comment="digest of who gave it"),
    Column(
        "is_trusted",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="whether it came with the admin token",
    ),
    Column("prediction_value", Double),
    Column("actual_value", Double),
    Column("key_id", UUID(as_uuid=True), comment="of the key it came with"),
    Column("prediction_labels", ARRAY(Text), comment="of a multilabel model, in the order of their bytes"),
    Column("actual_labels", ARRAY(Text), comment="all that would have been right, in the same order; each once"),
    CheckConstraint(
        "num_nonnulls(prediction_label, actual_label) IN (0, 2) "
        "AND num_nonnulls(prediction_value, actual_value) IN (0, 2) "
        "AND num_nonnulls(prediction_labels, actual_labels) IN (0, 2) "
        "AND num_nonnulls(actual_label, actual_value, actual_labels) = 1",
        name="feedback_is_a_label_a_value_or_labels",
    ),
    schema=SCHEMA,
)

baseline = Table(
    "baseline",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("model_version", Text),
    Column("window_start", DateTime(timezone=True)),
    Column("window_end", DateTime(timezone=True)),
    Column("counts", JSONB, nullable=False, comment="predictions per bin of each measure, and per version"),
    Column("watched", Boolean, nullable=False, comment="whether drift from it is an alert"),
    Column("pinned_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    schema=SCHEMA,
)

silence = Table(
    "silence",
    metadata,
    Column("silence_id", UUID(as_uuid=True), primary_key=True),
    Column("model_name", Text, comment="null: every model"),
    Column("signal", Text, comment="null: every signal"),
    Column("until", DateTime(timezone=True), nullable=False, comment="when it ends; whoever ends it early sets this"),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema=SCHEMA,
)

audit = Table(
    "audit",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False, comment="baseline or silence"),
    Column("action", Text, nullable=False),
    Column("model_name", Text),
    Column("detail", JSONB, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False, comment="X-Forwarded-For as the gateway sent it, else the peer"),
    Column(
        "actor_key_id", UUID(as_uuid=True), comment="of the key it was asked with; null: the admin token, or by itself"
    ),
    Index(None, "subject", "change_id"),
    schema=SCHEMA,
)

rollout_guard = Table(
    "rollout_guard",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column(
        "started_at",
        DateTime(timezone=True),
        nullable=False,
        comment="of the rollout; the next one of the model replaces it",
    ),
    Column("revision", BigInteger, nullable=False, comment="of the policy at the last look"),
    Column("stable_version", Text, nullable=False),
    Column("candidate_version", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, comment="running bets against the candidate, by test"),
    Column("readings", JSONB, nullable=False, comment="the figures of the last look, by guard"),
    Column("condemned_by", Text, comment="the guard that rolls it back; null: none"),
    Column("looked_at", DateTime(timezone=True), nullable=False),
    schema=SCHEMA,
)
