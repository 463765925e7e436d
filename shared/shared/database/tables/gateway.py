"""Owned by the gateway: the state of the ingress limit, one row of fixed size per client, and what was refused."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.database.tables import metadata

SCHEMA = "gateway"

ingress_client = Table(
    "ingress_client",
    metadata,
    Column("policy", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("newest", ARRAY(BigInteger), nullable=False, comment="number of the newest slot that counts anything"),
    Column("oldest", ARRAY(BigInteger), nullable=False, comment="number of the oldest slot that counts anything"),
    Column("total", ARRAY(Integer), nullable=False, comment="sum of the slots"),
    Column("slots", ARRAY(Integer), nullable=False),
    Column("forget_at", DateTime(timezone=True), nullable=False),
    schema=SCHEMA,
    prefixes=["UNLOGGED"],
)

refusal = Table(
    "refusal",
    metadata,
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("gateway", UUID(as_uuid=True), primary_key=True, comment="a process, from its start to its end"),
    Column("reason", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    schema=SCHEMA,
)

key_in_flight = Table(
    "key_in_flight",
    metadata,
    Column("key_id", UUID(as_uuid=True), primary_key=True),
    Column(
        "places",
        JSONB,
        nullable=False,
        comment="gateway: {requests: in flight there, until: how long that is believed, in seconds since 1970}",
    ),
    schema=SCHEMA,
    prefixes=["UNLOGGED"],
)
