"""What a key may do: the gateway knows its keys, the services are told what the caller's key may."""

from collections.abc import Iterable
from enum import StrEnum


class Right(StrEnum):
    """One of the things that a key may be for."""

    PREDICT = "predict"
    """Predictions, by `/predict` and `/v2`."""
    READ = "read"
    """Aggregates, and the record itself."""
    FEEDBACK = "feedback"
    """Saying what a prediction should have been."""
    ANALYZE = "analyze"
    """Reports."""
    ADMIN = "admin"
    """Everything that the admin token may, the other rights included."""


Rights = frozenset[Right]


def known_rights(names: Iterable[str]) -> Rights:
    """The rights of these names that this release knows; others, of a newer one, it cannot grant."""
    return frozenset(Right(name) for name in names if name in set(Right))


def may(rights: Rights, *needed: Right) -> bool:
    """Whether these rights are enough where one of `needed` is."""
    return Right.ADMIN in rights or any(right in rights for right in needed)
