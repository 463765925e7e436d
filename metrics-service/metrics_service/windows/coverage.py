"""Which windows can be answered, still and already: no answer is better than half of one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics_service.windows.window import Window
from shared.asyncio.clock import UtcNow
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest

FINE_TIERS = (1, 10)
"""Rollups, by the minutes of a bucket, that do not stay for ever."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long raw rows and fine rollups stay; windows raise InvalidRequest when theirs are gone, or have not begun."""

    clock: UtcNow
    row_days: int
    rollup_days: int

    def with_rows(self, end: datetime | None, minutes: int, field: str = "window_end") -> Window:
        """A window with edges of any precision, which takes raw rows. `field`: what in the body says where it ends."""
        return self.window(end, minutes, self.row_days, field)

    def with_rollups(self, end: datetime | None, minutes: int, tier: int) -> Window:
        """A window of whole buckets."""
        return self.window(end, minutes, self.rollup_days if tier in FINE_TIERS else None)

    def window(self, end: datetime | None, minutes: int, days: int | None, field: str = "window_end") -> Window:
        """The window, which ends now unless `end` says when.

        One that ends in the future holds what there is until now: clocks differ, and charts end at whole hours.
        """
        now = self.clock()
        window = Window.ending(end or now, minutes)
        if window.start >= now:
            message = (
                f"the window lies in the future: it begins at {window.start.isoformat()}, now is {now.isoformat()}"
            )
            raise InvalidRequest([FieldError(location=f"body.{field}", message=message)])
        if days is not None and window.start < now - timedelta(days=days):
            message = f"the window begins more than {days} days ago; what it takes to answer is no longer kept"
            raise InvalidRequest([FieldError(location=f"body.{field}", message=message)])
        return window
