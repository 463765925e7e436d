"""Which windows can be computed: those whose rows or rollups are still kept, and that have begun.

A window of which only a part is kept is refused: numbers of that part would look like those of the whole.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics_service.windows.window import Window
from shared.asyncio.clock import UtcNow
from shared.contracts.problem import FieldError
from shared.database import rollup_widths
from shared.http.problems import InvalidRequest


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many days raw rows and fine rollups are kept, and so which windows there are.

    Those that are no longer kept, or have not begun, raise InvalidRequest.
    """

    clock: UtcNow
    row_days: int
    rollup_days: int

    def of_rows(self, end: datetime | None, minutes: int, field: str = "window_end") -> Window:
        """A window with edges of any precision, which takes raw rows. `field`: where the body says when it ends."""
        return self._window(end, minutes, self.row_days, field)

    def of_rollups(self, end: datetime | None, minutes: int, width: int) -> Window:
        """A window of whole buckets of rollups that are `width` minutes wide."""
        return self._window(end, minutes, self.rollup_days if width in rollup_widths.FINE else None)

    def _window(self, end: datetime | None, minutes: int, days: int | None, field: str = "window_end") -> Window:
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
