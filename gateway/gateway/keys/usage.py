"""What keys are used for, by day: counted in memory, written every few seconds, each batch once whatever comes between.

A batch of which nobody knows whether Postgres has it comes again under the same number, and is counted once. A gateway
that is killed loses what it has counted since its last batch.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from uuid import uuid4

import structlog

from gateway.keys.contracts import DayOfKey
from gateway.keys.store import KeyStore
from gateway.request.route_class import RouteClass

DAY = 86_400
EPOCH = date(1970, 1, 1)

COLUMNS = ("requests", "refused", "predict", "feedback", "reports")
REQUESTS, REFUSED = 0, 1
PLACES: dict[RouteClass | None, int] = {RouteClass.PREDICT: 2, RouteClass.FEEDBACK: 3, RouteClass.ANALYZE: 4}

BATCH = 5000
"""Keys of one statement."""

MOST_WAITING = 400_000
"""Keys and days that wait for Postgres, some 200 bytes each; what is more is not counted."""

log = structlog.get_logger()


class KeyUsage:
    """Counts of this process. `now`: seconds since 1970, by Postgres's clock; days are those of UTC."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[tuple[str, int], list[int]] = {}
        self._sending: list[dict[str, str | int]] = []  # the batch that Postgres may have already
        self._batch, self._gateway = 0, uuid4()
        self._forgot_on = 0
        self._is_full = False

    def note(self, key_id: str, route_class: RouteClass | None) -> None:
        """A request that the key lets in."""
        counts = self._of_today(key_id)
        counts[REQUESTS] += 1
        place = PLACES.get(route_class)
        if place is not None:
            counts[place] += 1

    def refuse(self, key_id: str) -> None:
        """A limit refuses one of these."""
        self._of_today(key_id)[REFUSED] += 1

    async def write(self, store: KeyStore) -> None:
        """What was counted since the last time. Raises StoreAwayError: it is written the next time."""
        while self._sending or self._waiting:
            if not self._sending:
                self._batch += 1
                self._sending = [self._taken(*name) for name in list(islice(self._waiting, BATCH))]
            await store.add_usage(self._gateway, self._batch, self._sending)
            self._sending = []
        self._is_full = False
        today = self._today()
        if today != self._forgot_on:
            await store.forget_usage()
            self._forgot_on = today

    def _taken(self, key_id: str, day: int) -> dict[str, str | int]:
        counts = self._waiting.pop((key_id, day))
        return {"key_id": key_id, "day": str(EPOCH + timedelta(days=day)), **dict(zip(COLUMNS, counts, strict=True))}

    def _of_today(self, key_id: str) -> list[int]:
        name = (key_id, self._today())
        counts = self._waiting.get(name)
        if counts is None:
            counts = [0] * len(COLUMNS)
            if len(self._waiting) < MOST_WAITING:
                self._waiting[name] = counts
            elif not self._is_full:
                self._is_full = True
                log.error("use of further keys is not counted until Postgres is back", waiting=MOST_WAITING)
        return counts

    def _today(self) -> int:
        return int(self._now() // DAY)


def total_of(days: list[DayOfKey]) -> dict[str, int]:
    """What several days add up to."""
    return {name: sum(getattr(day, name) for day in days) for name in (*COLUMNS, "predictions")}


def day_of(seconds: float) -> date:
    """The day (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()
