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
        self._minutes: dict[str, int] = {}

    def note(self, key_id: str) -> None:
        """It is used now."""
        self._minutes[key_id] = int(self._now() // MINUTE)

    async def write(self, store: KeyStore) -> None:
        """What was noted since the last time. Raises StoreAwayError: it is written the next time."""
        noted = list(self._minutes.items())
        for start in range(0, len(noted), BATCH):
            batch = noted[start : start + BATCH]
            ids = [UUID(key_id) for key_id, _ in batch]
            await store.note_used(ids, [datetime.fromtimestamp(minute * MINUTE, UTC) for _, minute in batch])
            for key_id, minute in batch:
                if self._minutes.get(key_id) == minute:
                    del self._minutes[key_id]
