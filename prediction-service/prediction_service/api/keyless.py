"""Requests without an `Idempotency-Key`: nearly all. Those with one are another route's, which comes behind."""

from starlette.types import Scope

from prediction_service.idempotency.key import has_key
from shared.http.strict_route import StrictRoute


class KeylessRoute(StrictRoute):
    """A route for requests without a key."""

    def takes(self, scope: Scope) -> bool:
        """Whether there is none."""
        return not has_key(scope)
