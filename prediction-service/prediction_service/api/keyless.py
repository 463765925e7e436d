"""Requests without an `Idempotency-Key`: nearly all. Those with one are another route's, which comes behind."""

from starlette.routing import Match
from starlette.types import Scope

from prediction_service.idempotency.key import has_key
from shared.http.strict_route import StrictRoute


class KeylessRoute(StrictRoute):
    """A route for requests without a key."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As of every route, unless there is a key."""
        return (Match.NONE, {}) if has_key(scope) else super().matches(scope)
