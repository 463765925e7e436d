"""What is wrong with a value, in the words of whoever checked it."""

from collections.abc import Mapping
from typing import Any

LIBRARY_WORDS = "Value error, "
"""Pydantic's, before the words of a validator of ours: they say nothing to whoever sent the value."""


def in_words(fault: Mapping[str, Any]) -> str:
    """One of `ValidationError.errors()`, without its place."""
    return str(fault["msg"]).removeprefix(LIBRARY_WORDS)
