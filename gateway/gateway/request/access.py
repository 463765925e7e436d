"""Who may do what: which rights are enough for an operation, and when somebody without a key may do it as well."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.request.route_class import RouteClass
from shared.contracts.rights import Right


class Anonymous(StrEnum):
    """What callers without a key may do, the least first."""

    DENY = "deny"
    """Nothing but health, documents and the console's files."""
    PREDICT = "predict"
    """Predictions besides, and what tells how to ask for them."""
    ALLOW = "allow"
    """Whatever does not need the admin token."""

    @property
    def openness(self) -> int:
        """A number to compare with what an operation needs."""
        return list(Anonymous).index(self)


NEVER = len(Anonymous)
"""What needs a key, or the admin token, whatever ANONYMOUS says."""


@dataclass(frozen=True, slots=True)
class Access:
    """One of `rights` is enough, and `admin` always; no key is needed where ANONYMOUS is as open as `openness`."""

    rights: tuple[Right, ...]
    openness: int
    route_class: RouteClass | None = None
    """As what limits count it; None: no limit does."""
    by_model: bool = True
    """Whether a right for some models can be enough, which the service judges: it knows what a request is about."""


def access(
    rights: Iterable[Right], openness: int, route_class: RouteClass | None = None, *, by_model: bool = True
) -> Access:
    """Of several operations that need the same."""
    return Access(tuple(rights), openness, route_class, by_model)


FREE = access(Right, Anonymous.DENY.openness)
"""Health, documents, pages: no key is looked at."""

PREDICTING = access([Right.PREDICT], Anonymous.PREDICT.openness, RouteClass.PREDICT)
CATALOGUE = access(Right, Anonymous.PREDICT.openness)
"""What can be predicted with, and how much: whatever a key is for, its holder has to know."""

NUMBERS = access([Right.READ], Anonymous.ALLOW.openness, RouteClass.READ)
ALL_NUMBERS = access([Right.READ], Anonymous.ALLOW.openness, RouteClass.READ, by_model=False)
"""Of all models together, or of none."""

FEEDBACK = access([Right.FEEDBACK], Anonymous.ALLOW.openness, RouteClass.FEEDBACK)
ANALYSIS = access([Right.ANALYZE], Anonymous.ALLOW.openness, RouteClass.ANALYZE)
RECORD = access([Right.READ], NEVER, RouteClass.READ)
ADMIN = access([], NEVER, by_model=False)
MODEL_ADMIN = access([], NEVER)
"""What is done to one model at a time, or to what belongs to it."""


def of_own_path(path: str) -> Access:
    """Of what the gateway answers itself."""
    if path == "/keys" or path.startswith("/keys/"):
        return ADMIN
    if path == "/limits":
        return CATALOGUE
    return ALL_NUMBERS if path.startswith("/limits/") else FREE
