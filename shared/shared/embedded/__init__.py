"""A real Postgres and a real Redis-compatible server as child processes, from Python packages.

Used by `make run` and by the tests; the product's images do not install it.
"""
