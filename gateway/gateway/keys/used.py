"""When keys were used last, to the minute: noted in memory, written in batches."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from gateway.keys.store import KeyStore

MINUTE = 60

BATCH = 5000
"""Keys of one statement."""


class UsedKeys:
    """As many as there are keys at most. `now`: seconds since 1970, by Postgres's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seconds: dict[str, float] = {}

    def note(self, key_id: str) -> None:
        """It is used now."""
        self._seconds[key_id] = self._now()

    async def write(self, store: KeyStore) -> None:
        """What was noted since the last time. Raises StoreAwayError: it is written the next time."""
        noted = list(self._seconds.items())
        for start in range(0, len(noted), BATCH):
            batch = noted[start : start + BATCH]
            ids = [UUID(key_id) for key_id, _ in batch]
            await store.note_used(ids, [minute_of(seconds) for _, seconds in batch])
            for key_id, seconds in batch:
                if self._seconds.get(key_id) == seconds:
                    del self._seconds[key_id]


def minute_of(seconds: float) -> datetime:
    """The minute that a time lies in, in seconds since 1970."""
    return datetime.fromtimestamp(seconds // MINUTE * MINUTE, UTC)
