"""What a request shows of who it is: a key, in one of two headers."""

from typing import NamedTuple

from shared.http.key_holder import KeyHolder

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"

CREDENTIALS = frozenset({AUTHORIZATION, API_KEY})
"""Headers that go no further once there was a key in one of them."""


class ShownKey(NamedTuple):
    """A key of ours that is in force, as far as the rest of the request's way needs to know."""

    holder: KeyHolder
    header: bytes
    """What services are told: the holder, sealed."""
    counted_as: str | None = None
    """What its limits are counted for; None: it has none of its own, and counts for its address."""
    max_in_flight: int | None = None
    """Over all gateways; None: it has no bound of its own."""
