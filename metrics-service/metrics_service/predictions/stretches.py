"""Where in time the predictions are that a filter means, by the rollups: newest first, from days over hours to minutes.

The rollups count every prediction in the transaction that records it, by model, version, task and label, so what they
have not counted is not there: whoever looks for what is rare reads a few minutes of the record and not all of it, with
no index for that. They know more than there is, never less: what was erased, or what other fields of the filter leave
out, is counted as well.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metrics_service.predictions.filter import FeedbackWanted, Filter
from metrics_service.predictions.statements import Statement, counted
from metrics_service.windows.window import Window, ceil_to, floor_to
from shared.database import rollup_widths

MOST_WINDOWS = 500
"""Windows that one statement looks into."""


Fetch = Callable[[Statement], Awaitable[Sequence[Mapping[str, Any]]]]
"""Gives the rows of a statement, over whatever connection."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows that do not overlap, newest first, with how many predictions they hold at most that are meant."""

    windows: tuple[Window, ...]
    predictions: int

    @property
    def start(self) -> datetime:
        """Where its oldest window begins."""
        return self.windows[-1].start


@dataclass(slots=True)
class Wanted:
    """How many predictions the next stretch should hold; whoever walks along may change it on the way."""

    predictions: int


async def stretches(fetch: Fetch, asked: Filter, within: Window, wanted: Wanted) -> AsyncGenerator[Stretch, None]:
    """Stretches of a window that hold all that is meant, newest first, each of about as many predictions as wanted.

    A caller, and what was judged, have an index of their own: then a stretch is a day.
    """
    windows: list[Window] = []
    predictions = 0
    by_day = asked.caller is not None or asked.feedback is FeedbackWanted.GIVEN
    async for bucket, count in buckets(fetch, asked, within, finest=rollup_widths.DAY if by_day else 1):
        add(windows, bucket)
        predictions += count
        if predictions >= wanted.predictions or by_day or len(windows) >= MOST_WINDOWS:
            yield Stretch(tuple(windows), predictions)
            windows, predictions = [], 0
    if windows:
        yield Stretch(tuple(windows), predictions)


def add(windows: list[Window], older: Window) -> None:
    """Adds a window, to the last one if they meet."""
    if windows and windows[-1].start == older.end:
        windows[-1] = Window(older.start, windows[-1].end)
    else:
        windows.append(older)


LEVELS = (rollup_widths.DAY, rollup_widths.HOUR, rollup_widths.MINUTE)

FEW = 2_000
"""So many predictions are looked through as fast as the rollups of the next level are."""


async def buckets(
    fetch: Fetch, asked: Filter, within: Window, finest: int, levels: Sequence[int] = LEVELS
) -> AsyncGenerator[tuple[Window, int], None]:
    """Buckets with predictions that are meant, cut to the window, newest first, with how many these are at most.

    They are of the finest level, or hold few predictions.
    """
    if within.start >= within.end:
        return  # rounded outwards, it would have buckets
    minutes, finer = levels[0], levels[1:]
    around = Window(floor_to(minutes, within.start), ceil_to(minutes, within.end))
    for row in await fetch(counted(asked, minutes, around)):
        bucket, end = row["bucket"], row["bucket"] + timedelta(minutes=minutes)
        window = Window(max(bucket, within.start), min(end, within.end))
        if minutes == finest or row["of_all"] <= FEW:
            yield window, row["meant"]
        else:
            async for found in buckets(fetch, asked, window, finest, finer):
                yield found
