"""Simulations whose results stand in docs; not part of the service."""
