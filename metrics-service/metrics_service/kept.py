"""Which windows can still be answered: no answer is better than half of one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics_service.window import Clock, Window
from shared.contracts.problem import FieldError
from shared.runtime.problems import InvalidRequest

FINE_TIERS = (1, 10)
"""Rollups, by the minutes of a bucket, that do not stay for ever."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long raw rows and fine rollups stay; the windows below raise InvalidRequest when theirs are gone."""

    clock: Clock
    row_days: int
    rollup_days: int

    def with_rows(self, end: datetime | None, minutes: int) -> Window:
        """A window with edges of any precision, which takes raw rows."""
        return self.window(end, minutes, self.row_days)

    def with_rollups(self, end: datetime | None, minutes: int, tier: int) -> Window:
        """A window of whole buckets."""
        return self.window(end, minutes, self.rollup_days if tier in FINE_TIERS else None)

    def window(self, end: datetime | None, minutes: int, days: int | None) -> Window:
        """The window, which ends now unless `end` says when."""
        now = self.clock()
        window = Window.ending(end or now, minutes)
        if days is not None and window.start < now - timedelta(days=days):
            message = f"the window begins more than {days} days ago; what it takes to answer is no longer kept"
            raise InvalidRequest([FieldError(location="body.window_end", message=message)])
        return window
