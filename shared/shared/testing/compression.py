"""Compressed bodies that are the same bytes at any time."""

import gzip


def gzipped(body: bytes) -> bytes:
    """`body` in gzip, without the moment at which that was done: tests are named by their parameters."""
    return gzip.compress(body, mtime=0)
