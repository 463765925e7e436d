"""Which requests a candidate gets: a share of them by hash, the same ones in every replica and at every time; pure.

A request has a key: its caller, or what a header of it says. The hash of a key is as good as a number drawn at random
from 0 to 1, but always the same, so a share of all keys is below it, and who was below a smaller share is below every
larger one. A rollout has hashes of its own: it is not always the same callers that come first.

In the shadow nobody gets anything, so nobody has to get the same again: there each request counts by itself. Of a
single caller, such as a service that asks for all its users, a share of callers would be all or nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from shared.contracts.rollouts import CALLER, HEADER_PREFIX, Rollout, RolloutMode
from shared.http.caller import CALLER_HEADER
from shared.http.request_id import current_request_id

CALLER_FIELD = CALLER_HEADER.decode()

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

HASH_BYTES = 8
HASHES = float(1 << 8 * HASH_BYTES)


class Share:
    """The keys that a rollout's candidate gets."""

    def __init__(self, rollout: Rollout) -> None:
        self._seed = seed_of(rollout)
        self._below = rollout.share / 100
        header = rollout.sticky.removeprefix(HEADER_PREFIX)
        self._header = None if rollout.sticky == CALLER else header.lower()
        self._holds_callers = rollout.mode is not RolloutMode.SHADOW

    def has(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers is among them."""
        if self._below in {0, 1}:
            return self._below == 1
        return self.position(self.key_of(headers)) < self._below

    def key_of(self, headers: Mapping[str, str]) -> str:
        """What a request is held to: the header, else its caller, else (in the shadow, or without a gateway) itself."""
        key = headers.get(self._header) if self._header is not None else None
        caller = headers.get(CALLER_FIELD) if self._holds_callers else None
        return key or caller or current_request_id.get()

    def position(self, key: str) -> float:
        """From 0 up to 1: the key's hash."""
        hashed = blake2b(self._seed + key.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()
        return int.from_bytes(hashed) / HASHES


def seed_of(rollout: Rollout) -> bytes:
    """What goes into a hash before the key: the model, and when this rollout began, in microseconds."""
    began = 0 if rollout.started_at is None else (rollout.started_at - EPOCH) // timedelta(microseconds=1)
    return f"{rollout.model_name}\0{began}\0".encode()
