"""What an operator says of a change: who makes it, and why."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of characters (Postgres stores neither) and ends of lines."""

NOT_IN_A_NAME = NOT_IN_A_LINE | {"Cf", "Cn", "Co"}
"""Nor what nobody sees, or what may mean anything: two names that look the same would be two people."""

RESERVED_NAMES = frozenset({"guard", "schedule", "service"})
"""What the audit calls those who change policies without anybody's asking."""


def check_reason(reason: str) -> str:
    """Raises ValueError for one that cannot be stored, or be read in a line."""
    if any(unicodedata.category(character) in NOT_IN_A_LINE for character in reason):
        raise ValueError("must have no control characters, line ends among them, and no halves of characters")
    return reason


def check_name(name: str) -> str:
    """In one of the ways to write it. Raises ValueError for one that cannot be read, or that is not a person's."""
    if any(unicodedata.category(character) in NOT_IN_A_NAME for character in name):
        raise ValueError("must have no control characters, nor others that nobody sees")
    if unicodedata.normalize("NFKC", name).casefold() in RESERVED_NAMES:
        raise ValueError("is what this service calls itself in the audit")
    return unicodedata.normalize("NFC", name)


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(check_reason),
    Field(description="Why; for the audit"),
]

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(check_name)
]
"""Of a person or a program, as the audit has it."""
