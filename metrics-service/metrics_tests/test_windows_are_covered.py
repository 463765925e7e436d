"""Buckets and ends cover every window once, with few parts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrics_service.windows.window import EPOCH, Window, ceil_to, cover, floor_to

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
windows = st.builds(
    Window.ending,
    st.builds(lambda us: NOON + timedelta(microseconds=us), st.integers(-90_000_000_000, 90_000_000_000)),
    st.integers(1, 1440),
)


@given(windows)
def test_the_parts_meet_and_make_up_the_window(window: Window) -> None:
    parts = cover(window)
    pieces = sorted([*(part.window for part in parts.buckets), *parts.ends], key=lambda piece: piece.start)
    assert [window.start, *(piece.end for piece in pieces)] == [*(piece.start for piece in pieces), window.end]
    for part in parts.buckets:
        width = timedelta(minutes=part.minutes)
        assert not (part.window.start - EPOCH) % width
        assert not (part.window.end - EPOCH) % width


@given(windows)
def test_ends_lie_within_a_minute_and_buckets_are_few(window: Window) -> None:
    parts = cover(window)
    assert all(ceil_to(1, end.end) - floor_to(1, end.start) == timedelta(minutes=1) for end in parts.ends)
    assert sum((part.window.end - part.window.start) // timedelta(minutes=part.minutes) for part in parts.buckets) <= 60


def test_a_whole_day_is_four_times_six_hours() -> None:
    parts = cover(Window(NOON - timedelta(days=1), NOON))
    assert [(part.minutes, part.window) for part in parts.buckets] == [(360, Window(NOON - timedelta(days=1), NOON))]
    assert parts.ends == ()
