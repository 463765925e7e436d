"""The stretch of time that a question is about, and how rollups and raw rows cover it exactly; pure.

    start                                                                     end
      |..raw..|.minutes.|..ten minutes..|......hours......|.ten min.|.min.|.raw.|

What whole minutes cover comes from rollups, of the widest buckets that fit; the two ends come from raw rows, unless
all predictions of their minute are theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.database import rollup_widths

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Buckets of every width begin at whole multiples of their width from here."""

WIDTHS = tuple(width for width in rollup_widths.WIDTHS if width < rollup_widths.DAY)
"""The widths, in minutes, from which a window is put together: days would help windows of weeks only."""


def floor_to(minutes: int, instant: datetime) -> datetime:
    """The last bucket edge at or before `instant`."""
    width = timedelta(minutes=minutes)
    return EPOCH + (instant - EPOCH) // width * width


def ceil_to(minutes: int, instant: datetime) -> datetime:
    """The first bucket edge at or after `instant`."""
    width = timedelta(minutes=minutes)
    return EPOCH - (EPOCH - instant) // width * width


@dataclass(frozen=True, slots=True)
class Window:
    """From `start`, included, to `end`, not included."""

    start: datetime
    end: datetime

    @classmethod
    def ending(cls, end: datetime, minutes: int) -> "Window":
        """The `minutes` before `end`."""
        return cls(end - timedelta(minutes=minutes), end)

    @property
    def empty(self) -> bool:
        """Whether nothing can lie in it."""
        return self.start >= self.end


@dataclass(frozen=True, slots=True)
class Buckets:
    """Consecutive whole buckets of one width."""

    minutes: int
    window: Window


@dataclass(frozen=True, slots=True)
class Cover:
    """Parts of a window that do not overlap and leave nothing out."""

    buckets: tuple[Buckets, ...]
    ends: tuple[Window, ...]


def cover(window: Window, widths: tuple[int, ...] = WIDTHS) -> Cover:
    """Whole buckets of some widths and the ends around them, each of which lies within one minute."""
    minutes = Window(ceil_to(widths[0], window.start), floor_to(widths[0], window.end))
    if minutes.start > minutes.end:
        return Cover((), (window,))
    ends = (Window(window.start, minutes.start), Window(minutes.end, window.end))
    buckets = () if minutes.empty else tuple(whole_buckets(minutes, widths))
    return Cover(buckets, tuple(end for end in ends if not end.empty))


def whole_buckets(window: Window, widths: tuple[int, ...]) -> Iterator[Buckets]:
    """Covers a window whose edges are edges of the first width, with wider buckets where they fit."""
    narrow, wider = widths[0], widths[1:]
    inner = Window(ceil_to(wider[0], window.start), floor_to(wider[0], window.end)) if wider else None
    if inner is None or inner.empty:
        yield Buckets(narrow, window)
        return
    for side in (Window(window.start, inner.start), Window(inner.end, window.end)):
        if not side.empty:
            yield Buckets(narrow, side)
    yield from whole_buckets(inner, wider)
