"""Owned by the gateway: the state of the ingress limit, one row of fixed size per client."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

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
