"""Owned by the gateway: the state of the ingress limit, one row of fixed size per client."""

SCHEMA = "gateway"
