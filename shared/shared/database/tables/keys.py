"""Owned by the gateway, changed by functions alone, which also write the audit: who calls, and what they may."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.tables import metadata

SCHEMA = "gateway"

key_state = Table(
    "key_state",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("history", UUID(as_uuid=True), nullable=False, server_default=text("gen_random_uuid()")),
    Column("revision", BigInteger, nullable=False, comment="that of the last change of any key"),
    CheckConstraint("only_row", name="only_row"),
    schema=SCHEMA,
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()")),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, comment="how the key begins, so that people can tell theirs"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the key"),
    Column("old_digest", LargeBinary, comment="that of the key before the last rotation, while it lives"),
    Column("old_expires_at", DateTime(timezone=True)),
    Column(
        "rights", ARRAY(Text), nullable=False, comment="predict, read, feedback, analyze, admin: those for all models"
    ),
    Column("expires_at", DateTime(timezone=True)),
    Column("note", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column(
        "revoked_at",
        DateTime(timezone=True),
        comment="since when it is refused for good; the row stays for its name",
    ),
    Column("last_used_at", DateTime(timezone=True), comment="to the minute"),
    Column(
        "revision",
        BigInteger,
        nullable=False,
        comment="of gateway.key_state, at the last change of this key",
    ),
    Column("limits", Text, comment="requests per window, as of INGRESS_LIMITS; null: it counts for its address"),
    Column(
        "max_in_flight",
        Integer,
        comment="most requests in flight, over all gateways; null: no bound of its own",
    ),
    Column("models", JSONB, comment="further rights, each with the models that it is for; null: there are none"),
    CheckConstraint("octet_length(digest) = 32 AND octet_length(old_digest) = 32", name="digest"),
    CheckConstraint("(old_digest IS NULL) = (old_expires_at IS NULL)", name="old"),
    Index("api_key_revision_key", "revision", unique=True),
    Index("api_key_name_key", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
    schema=SCHEMA,
)

api_key_event = Table(
    "api_key_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key_id", UUID(as_uuid=True), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("action", Text, nullable=False, comment="create, change, rotate or revoke"),
    Column("actor", Text, nullable=False, comment="the name that an operator states, admin without one"),
    Column("actor_key_id", UUID(as_uuid=True), comment="the key they had; null: the admin token"),
    Column("reason", Text, nullable=False),
    Column("key", JSONB, nullable=False, comment="the key after it, without its digests"),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False, comment="X-Forwarded-For, and the peer"),
    Index("api_key_event_key_id_event_id_idx", "key_id", "event_id"),
    schema=SCHEMA,
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", UUID(as_uuid=True), primary_key=True),
    Column("day", Date, primary_key=True, index=True),
    Column("requests", BigInteger, nullable=False, comment="that the key let in, refused ones among them"),
    Column("refused", BigInteger, nullable=False, comment="by a limit"),
    *(Column(name, BigInteger, nullable=False) for name in ("predict", "feedback", "reports")),
    schema=SCHEMA,
)

usage_batch = Table(
    "usage_batch",
    metadata,
    Column("gateway", UUID(as_uuid=True), primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    schema=SCHEMA,
)
