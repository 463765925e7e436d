"""What a key may do: the gateway knows its keys, the services are told what the caller's key may."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


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

    __hash__ = str.__hash__  # as fast as of any string: every request with a key asks for one


Rights = frozenset[Right]

RightModels = Mapping[Right, frozenset[str]]
"""The models for which a key has its rights; a right that is not in it is for all models."""

ALL_MODELS: RightModels = MappingProxyType({})
"""Every right is for all models."""


def known_rights(names: Iterable[str]) -> Rights:
    """The rights of these names that this release knows; others, of a newer one, it cannot grant."""
    return frozenset(Right(name) for name in names if name in set(Right))


def may(rights: Rights, *needed: Right) -> bool:
    """Whether these rights are enough where one of `needed` is."""
    return Right.ADMIN in rights or not rights.isdisjoint(needed)


def known_models(models: Mapping[str, Iterable[str]]) -> RightModels:
    """The same of the rights that this release knows."""
    return {Right(name): frozenset(names) for name, names in models.items() if name in set(Right)} or ALL_MODELS


def models_for(rights: Rights, models: RightModels, *needed: Right) -> frozenset[str] | None:
    """The models for which these rights are enough where one of `needed` is; None: all. `admin` includes the others."""
    enough = rights.intersection({*needed, Right.ADMIN})
    if not enough <= models.keys():
        return None
    return frozenset[str]().union(*(models[right] for right in enough))
