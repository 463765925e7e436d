"""Owned by the prediction-service, changed by functions alone, which also write the audit: who gets which version."""

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
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.tables import metadata

SCHEMA = "predictions"

rollout = Table(
    "rollout",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column(
        "revision",
        BigInteger,
        nullable=False,
        comment="one more with each change; a change names the one that it replaces",
    ),
    Column("mode", Text, nullable=False, comment="newest, pinned, shadow or canary"),
    Column("stable_version", Text),
    Column("candidate_version", Text),
    Column(
        "share",
        Numeric,
        nullable=False,
        comment="percent of requests that the candidate computes: all or in shadow",
    ),
    Column("sticky", Text, nullable=False, comment="what decides which requests these are: caller or header:<name>"),
    Column("steps", JSONB, comment='schedule of the share: [{"share": percent, "minutes": number}, …]'),
    Column("step", SmallInteger, comment="the step in force, from 0"),
    Column("step_started_at", DateTime(timezone=True)),
    Column("guards", JSONB, comment="null: the defaults"),
    Column("promote_by_itself", Boolean, nullable=False),
    Column(
        "started_at",
        DateTime(timezone=True),
        comment="since when there is this candidate beside this stable version",
    ),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("share BETWEEN 0 AND 100", name="share"),
    CheckConstraint("(steps IS NULL) = (step IS NULL) AND step BETWEEN 0 AND 99", name="step"),
    CheckConstraint(
        "CASE mode WHEN 'newest' THEN stable_version IS NULL AND candidate_version IS NULL "
        "WHEN 'pinned' THEN stable_version IS NOT NULL AND candidate_version IS NULL "
        "WHEN 'shadow' THEN stable_version <> candidate_version AND started_at IS NOT NULL "
        "WHEN 'canary' THEN stable_version <> candidate_version AND started_at IS NOT NULL ELSE false END IS TRUE",
        name="mode",
    ),
    schema=SCHEMA,
)

rollout_event = Table(
    "rollout_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("model_name", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("actor", Text, nullable=False, comment="the name that an operator states, guard, schedule or service"),
    Column("action", Text, nullable=False, comment="set, step, promote or rollback"),
    Column("reason", Text, nullable=False),
    Column("policy", JSONB, nullable=False, comment="the whole policy after it"),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False, comment="X-Forwarded-For as the gateway sent it, else the peer"),
    Column(
        "actor_key_id", UUID(as_uuid=True), comment="of the key it was asked with; null: the admin token, or by itself"
    ),
    Index("rollout_event_model_name_revision_key", "model_name", "revision", unique=True),
    schema=SCHEMA,
)

version_outcome = Table(
    "version_outcome",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("arm", Text, primary_key=True, comment="stable or candidate"),
    Column("writer", UUID(as_uuid=True), primary_key=True, comment="one process of the prediction-service"),
    Column("model_version", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, comment="that of the rollout"),
    Column("requests", BigInteger, nullable=False, comment="those whose version the policy chose; errors included"),
    Column("errors", BigInteger, nullable=False, comment="those that the version failed, by its own fault"),
    Column(
        "seconds_sum",
        Double,
        nullable=False,
        comment="of those answered: from asking the model to its results",
    ),
    Column("seconds_squares", Double, nullable=False),
    Column("time_bins", ARRAY(Integer), nullable=False, comment="bins of these times, as of metrics.time_bin"),
    Column("time_counts", ARRAY(BigInteger), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    schema=SCHEMA,
)
