"""That nobody asks any more is trouble where somebody always asked."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from metrics_service.watch.traffic import Activity
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.rows import Row, insert
from metrics_tests.watching import START, Clock, look
from shared.testing.postgres import Database


async def asked_in(database: Database, clock: Clock, minutes_ago: Iterable[int], **fields: object) -> None:
    rows = [Row(created_at=clock.now - timedelta(minutes=m, seconds=-30), **fields) for m in minutes_ago]
    await insert(database, rows)


async def test_traffic_that_stops_is_a_warning_then_critical_and_over_with_the_next_prediction(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    await asked_in(database, clock, range(1, 121))
    assert await look(watcher) == []
    clock.advance(minutes=4)
    assert await look(watcher) == []
    clock.advance(minutes=2)
    assert await look(watcher) == [("alert.opened", "traffic", "warning")]
    clock.advance(minutes=15)
    assert await look(watcher) == [("alert.escalated", "traffic", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert (alert.threshold, alert.threshold_value) == ("quiet_minutes_critical", 20)
    assert "asked in 120 of the minutes" in alert.about
    await asked_in(database, clock, [0])
    assert await look(watcher) == [("alert.closed", "traffic", "critical")]


async def test_a_dip_is_no_stop(database: Database, clock: Clock, watcher: AlertWatcher) -> None:
    await asked_in(database, clock, range(20, 121), confidence=0.9)
    for _ in range(40):
        clock.advance(minutes=2)
        await asked_in(database, clock, [0])
        assert await look(watcher) == []


@pytest.mark.parametrize(
    ("minutes_ago", "quiet"),
    [
        (range(0, 120, 6), 90),  # asked every sixth minute: too seldom to say
        (range(1, 25), 300),  # asked for 24 minutes only
        (range(0, 120, 3), 30),  # every third minute: half an hour without anybody may be chance
    ],
)
async def test_who_is_asked_now_and_then_may_be_quiet(
    database: Database, clock: Clock, watcher: AlertWatcher, minutes_ago: Iterable[int], quiet: int
) -> None:
    await asked_in(database, clock, minutes_ago)
    clock.advance(minutes=quiet)
    assert await look(watcher) == []


async def test_what_was_as_quiet_at_this_time_yesterday_is_the_hour(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    day = 24 * 60
    await asked_in(database, clock, [*range(1, 121), *range(day + 1, day + 300)])
    clock.advance(minutes=60)
    assert await look(watcher) == []


async def test_what_was_busy_at_this_time_yesterday_and_stops_is_trouble(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    day = 24 * 60
    await asked_in(database, clock, [*range(1, 121), *range(day - 120, day + 300)])
    clock.advance(minutes=10)
    assert await look(watcher) == [("alert.opened", "traffic", "warning")]


async def test_other_models_do_not_count(database: Database, clock: Clock, watcher: AlertWatcher) -> None:
    await asked_in(database, clock, range(1, 121), model_name="stopped")
    clock.advance(minutes=10)
    await asked_in(database, clock, range(1, 131), model_name="busy")
    events = await watcher.look()
    assert [(event.alert.model_name, event.alert.signal) for event in events] == [("stopped", "traffic")]


@pytest.mark.parametrize(("active", "limit"), [(120, 5), (60, 20), (40, 35), (29, None)])
def test_how_long_nobody_may_ask_follows_from_how_often_somebody_does(active: int, limit: int | None) -> None:
    activity = Activity(START, active, START - timedelta(minutes=119))
    found = activity.limit_minutes(least=5)
    assert found == limit or (found and limit and abs(found - limit) <= 1)


def every(period: int, active: int, since: int, until: int = 0, late: int = 0) -> list[int]:
    """How many minutes ago a job asked that begins every `period` minutes and asks for `active` of them.

    Each second run takes `late` minutes longer.
    """
    return [
        since - start - minute
        for number, start in enumerate(range(0, since, period))
        for minute in range(active + late * (number % 2))
        if since - start - minute > until
    ]


@pytest.mark.parametrize(
    ("period", "active", "late"), [(60, 35, 0), (60, 45, 0), (60, 35, 8), (30, 15, 0), (90, 40, 3), (120, 50, 0)]
)
async def test_a_job_that_keeps_its_rhythm_is_never_an_alert_and_one_that_stops_is(
    database: Database, clock: Clock, watcher: AlertWatcher, period: int, active: int, late: int
) -> None:
    """From the second run on: then the first pause was seen."""
    runs = 4
    asked = every(period, active, period * runs, late=late)
    clock.advance(minutes=period * runs)
    await asked_in(database, clock, [minutes for minutes in asked if minutes > period * (runs - 1)])
    clock.now -= timedelta(minutes=period * (runs - 1))
    for minute in range(period * (runs - 1) - 1, -1, -1):
        clock.advance(minutes=1)
        if minute + 1 in asked:
            await asked_in(database, clock, [1])
        if minute % 5 == 0 and minute <= period * (runs - 1) - active:
            assert await look(watcher) == [], f"{minute} minutes before the end"
    clock.advance(minutes=period + active)
    assert [event[:2] for event in await look(watcher)] == [("alert.opened", "traffic")]


@pytest.mark.parametrize("hours_of_day", [[2], [0, 8, 16]])
async def test_a_job_of_certain_hours_is_never_an_alert_though_it_is_early_or_late(
    database: Database, clock: Clock, watcher: AlertWatcher, hours_of_day: list[int]
) -> None:
    """Two hours at a time; ten minutes later one day, and earlier the next."""
    day = 24 * 60
    asked = [
        3 * day - (number * day + hour * 60 + minute + (10 if number % 2 else 0))
        for number in range(3)
        for hour in hours_of_day
        for minute in range(120)
    ]
    clock.advance(minutes=-day)
    begin = clock.now
    clock.advance(minutes=day)
    await asked_in(database, clock, [minutes for minutes in asked if minutes > 0])
    rows_until = clock.now
    clock.now = begin
    while clock.now < rows_until:
        clock.advance(minutes=23)
        assert await look(watcher) == [], clock.now - begin


async def test_a_pause_that_came_once_is_not_usual(database: Database, clock: Clock, watcher: AlertWatcher) -> None:
    """An outage yesterday evening excuses none today."""
    await asked_in(database, clock, [m for m in range(1, 40 * 60) if not 200 <= m < 245])
    clock.advance(minutes=8)
    assert await look(watcher) == [("alert.opened", "traffic", "warning")]


@pytest.mark.parametrize(("outage", "every_minutes"), [(10, 5), (119, 1), (150, 5), (150, 30), (355, 1), (600, 5)])
async def test_the_next_prediction_ends_an_outage_of_any_length_though_traffic_comes_back_slowly(
    database: Database, clock: Clock, watcher: AlertWatcher, outage: int, every_minutes: int
) -> None:
    await asked_in(database, clock, range(1, 121))
    seen = []
    for minutes in (6, 16, outage - 22) if outage > 22 else (outage,):
        clock.advance(minutes=minutes)
        seen += await look(watcher)
    assert seen[0] == ("alert.opened", "traffic", "warning")
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    clock.advance(minutes=1)
    await asked_in(database, clock, [1])
    assert await look(watcher) == [("alert.closed", "traffic", alert.severity)]
    if every_minutes <= 5:
        for _ in range(8):
            clock.advance(minutes=every_minutes)
            await asked_in(database, clock, [1])
            assert await look(watcher) == []
    else:
        clock.advance(minutes=2)
        assert await look(watcher) == []


async def test_what_is_seldom_asked_after_an_outage_that_nobody_looked_at_is_over(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    """The prediction came a while before the look, as after a change of leaders."""
    await asked_in(database, clock, range(1, 121))
    clock.advance(minutes=200)
    assert [event[:2] for event in await look(watcher)] == [("alert.opened", "traffic")]
    clock.advance(minutes=60)
    await asked_in(database, clock, [40])
    assert [event[:2] for event in await look(watcher)] == [("alert.closed", "traffic")]


DAY = 24 * 60


def worked(minutes: int, moved: int, days: Iterable[int]) -> list[int]:
    """The minutes of days on which a job of `minutes` ended `moved` minutes later than it ends today (now)."""
    return [d * DAY - moved + minute for d in days for minute in range(1, minutes + 1)]


@pytest.mark.parametrize("moved", [60, -60, 50])
@pytest.mark.parametrize("days", [[1, 2], [7, 8]])
async def test_an_hour_that_clocks_were_moved_by_is_no_stop(
    database: Database, clock: Clock, watcher: AlertWatcher, moved: int, days: list[int]
) -> None:
    """A job of eight hours ends an hour earlier or later by the world's clock on the day summer begins or ends."""
    await asked_in(database, clock, [*worked(480, moved, days), *worked(480, 0, [0])])
    for _ in range(10):
        clock.advance(minutes=33)
        assert await look(watcher) == []


@pytest.mark.parametrize("moved", [90, 180])
async def test_a_stop_long_before_the_usual_end_is_no_change_of_clocks(
    database: Database, clock: Clock, watcher: AlertWatcher, moved: int
) -> None:
    await asked_in(database, clock, [*worked(480, moved, [1, 2, 7, 8]), *worked(480, 0, [0])])
    clock.advance(minutes=6)
    assert await look(watcher) == [("alert.opened", "traffic", "warning")]


async def test_a_stop_at_the_hour_of_a_usual_pause_is_told_when_the_pause_would_be_over(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    """A break of half an hour every day; today it begins an hour earlier and does not end."""
    await asked_in(database, clock, [m for m in range(1, 2 * DAY + 120) if (m + 90) % DAY >= 30])
    clock.advance(minutes=25)
    assert await look(watcher) == []
    clock.advance(minutes=25)
    assert [event[:2] for event in await look(watcher)] == [("alert.opened", "traffic")]
