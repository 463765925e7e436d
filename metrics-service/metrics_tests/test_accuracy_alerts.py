"""A model that is wrong more often is an alert; a few complaints among thousands are not."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.feedback.contracts import Caller, Feedback
from metrics_service.watch.watcher import AlertWatcher
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, look, watcher_of
from shared.testing.postgres import Database

TEAM = Caller("team", is_trusted=True)


@pytest.fixture
async def watcher(engine: AsyncEngine, clock: Clock, database: Database) -> AlertWatcher:
    await register(database, "lexicon")
    return watcher_of(engine, clock)


async def judged(
    database: Database,
    watcher: AlertWatcher,
    clock: Clock,
    minutes_ago: float,
    made: int,
    *,
    right: int = 0,
    wrong: int = 0,
    caller: Caller = TEAM,
) -> None:
    """Predictions of some minutes, of which some were judged."""
    start = clock.now - timedelta(minutes=minutes_ago)
    rows = [Row(created_at=start + timedelta(seconds=n * 300 / made)) for n in range(made)]
    await insert(database, rows)
    words = [Feedback(prediction_id=row.prediction_id, label="positive") for row in rows[:right]]
    words += [Feedback(prediction_id=row.prediction_id, label="negative") for row in rows[right : right + wrong]]
    for first in range(0, len(words), 1000):
        await watcher.feedback.give_all(words[first : first + 1000], caller)


async def test_predictions_that_are_mostly_known_to_be_wrong_are_critical_without_any_history(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 6, 50, right=5, wrong=45)
    assert await look(watcher) == [("alert.opened", "accuracy", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert (alert.threshold, alert.measured_value) == ("min_accuracy_critical", pytest.approx(0.1))
    assert alert.about == "45 of 50 predictions are known to be wrong"


async def test_one_caller_takes_no_words_of_others_back(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    """An alert that four callers raised stays, whatever a fifth says of the same predictions."""
    rows = [Row(created_at=clock.now - timedelta(seconds=n % 250 + 1)) for n in range(200)]
    await insert(database, rows)
    for number in range(4):
        await words(watcher, rows[number * 50 : number * 50 + 50], "negative", f"honest {number}")
    opened = await look(watcher)
    assert [event[:2] for event in opened] == [("alert.opened", "accuracy")]
    await words(watcher, rows, "positive", "stranger")
    clock.advance(minutes=1)
    assert await look(watcher) == []


async def test_a_few_complaints_among_thousands_are_no_alert(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 6, 5000, wrong=40)
    assert await look(watcher) == []


async def test_as_many_complaints_as_ever_are_no_alert(database: Database, watcher: AlertWatcher, clock: Clock) -> None:
    await judged(database, watcher, clock, 60, 1000, wrong=100)
    await judged(database, watcher, clock, 6, 1000, wrong=110)
    assert await look(watcher) == []


async def test_a_burst_of_complaints_is_a_warning_and_over_when_it_is_over(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 60, 1000, wrong=10)
    await judged(database, watcher, clock, 6, 600, wrong=60)
    assert await look(watcher) == [("alert.opened", "accuracy", "warning")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.about == "share of predictions that nobody called wrong dropped from 0.99 to 0.9"
    clock.advance(minutes=31)
    await judged(database, watcher, clock, 6, 600, wrong=6)
    assert await look(watcher) == [("alert.closed", "accuracy", "warning")]


async def test_accuracy_among_judged_ones_that_drops_is_found_though_few_are_judged(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 60, 5000, right=270, wrong=30)
    await judged(database, watcher, clock, 6, 5000, right=60, wrong=60)
    assert await look(watcher) == [("alert.opened", "accuracy", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert (alert.threshold, alert.measured_value) == ("accuracy_drop_critical", pytest.approx(0.4))
    assert alert.about == (
        "share of right ones among those judged dropped from 0.9 to 0.5;"
        " 270 of 300 judgements right, of 5000 predictions before, 60 of 120 judgements right, of 5000 predictions now"
    )


FEW = ": too few for more than a warning"


async def only_a_warning(watcher: AlertWatcher) -> None:
    assert await look(watcher) == [("alert.opened", "accuracy", "warning")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.threshold == "accuracy_drop_warning"
    assert alert.about.endswith(FEW)


@pytest.mark.parametrize(
    ("made_before", "right_before", "made", "wrong"),
    [
        (2000, 20, 3000, 8),  # few words now
        (3000, 8, 900, 29),  # few before
        (9000, 80, 9000, 80),  # enough words, of less than a hundredth
        (29, 29, 6000, 59),
    ],
)
async def test_what_few_judgements_among_many_predictions_say_is_a_warning_at_most(
    database: Database, watcher: AlertWatcher, clock: Clock, made_before: int, right_before: int, made: int, wrong: int
) -> None:
    await judged(database, watcher, clock, 60, made_before, right=right_before)
    await judged(database, watcher, clock, 20, made, wrong=wrong)
    await only_a_warning(watcher)


async def test_a_few_clicks_of_some_strangers_are_a_warning_at_most(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    for number in range(3):
        stranger = Caller(f"satisfied {number}", is_trusted=False)
        await judged(database, watcher, clock, 60 - 5 * number, 3000, right=4, caller=stranger)
    for number in range(3):
        stranger = Caller(f"angry {number}", is_trusted=False)
        await judged(database, watcher, clock, 25 - 5 * number, 3000, wrong=4, caller=stranger)
    await only_a_warning(watcher)
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert "12 of 12 judgements right, of 9000 predictions before, 0 of 12 judgements right, of 9000" in alert.about


async def test_a_hundredth_that_is_judged_is_enough_for_critical(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 60, 3000, right=30)
    await judged(database, watcher, clock, 20, 3000, wrong=30)
    assert await look(watcher) == [("alert.opened", "accuracy", "critical")]


async def test_a_drop_that_may_be_chance_is_no_alert(database: Database, watcher: AlertWatcher, clock: Clock) -> None:
    await judged(database, watcher, clock, 60, 500, right=18, wrong=2)
    await judged(database, watcher, clock, 6, 500, right=7, wrong=3)
    assert await look(watcher) == []


async def test_one_anonymous_caller_cannot_make_an_alert_out_of_a_busy_hour(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    stranger = Caller("stranger", is_trusted=False)
    await judged(database, watcher, clock, 60, 3000, right=100, wrong=5)
    await judged(database, watcher, clock, 6, 3000, wrong=2900, caller=stranger)
    assert await look(watcher) == []
    pairs, _ = await watcher.feedback.judged(Selection(Window.ending(clock.now, 30)))
    assert sum(found.weight for found in pairs.values()) == pytest.approx(100)


async def words(watcher: AlertWatcher, rows: list[Row], label: str, name: str) -> None:
    given = [Feedback(prediction_id=row.prediction_id, label=label) for row in rows]
    await watcher.feedback.give_all(given, Caller(name, is_trusted=False))


@pytest.mark.parametrize("made", [50, 150, 600])
@pytest.mark.parametrize("others", [0, 1, 2])
async def test_one_caller_raises_no_alert_of_any_kind_though_one_or_two_others_say_a_word(
    database: Database, watcher: AlertWatcher, clock: Clock, made: int, others: int
) -> None:
    """Not by the share of all, not by the drop of it, not by the share of what was judged; a team's words beside it."""
    await judged(database, watcher, clock, 60, 1000, right=100, wrong=2)
    rows = [Row(created_at=clock.now - timedelta(seconds=n % 250 + 1)) for n in range(made)]
    await insert(database, rows)
    await words(watcher, rows[:-10], "negative", "stranger")
    for number in range(others):
        await words(watcher, [rows[-1 - number]], "negative", f"other {number}")
    trusted = [Feedback(prediction_id=row.prediction_id, label="positive") for row in rows[-10:-5]]
    await watcher.feedback.give_all(trusted, TEAM)
    assert await look(watcher) == []


@pytest.mark.parametrize("rights", [50, 550, 5000])
async def test_one_caller_talks_no_alert_away(
    database: Database, watcher: AlertWatcher, clock: Clock, rights: int
) -> None:
    await judged(database, watcher, clock, 60, 3000, right=270, wrong=30)
    rows = [Row(created_at=clock.now - timedelta(seconds=n % 250 + 1)) for n in range(6000)]
    await insert(database, rows)
    for number in range(4):
        await words(watcher, rows[number * 20 : number * 20 + 20], "negative", f"honest {number}")
    for first in range(100, 100 + rights, 1000):
        await words(watcher, rows[first : min(first + 1000, 100 + rights)], "positive", "stranger")
    assert await look(watcher) == [("alert.opened", "accuracy", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.about.startswith("share of right ones among those judged (callers without the admin token count as")
    assert "dropped from 0.9 to 0; 270 of 300 judgements right, of 3000 predictions before, 0 of " in alert.about


async def test_the_words_of_an_alert_say_what_was_said_and_what_it_counts_for(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    rows = [Row(created_at=clock.now - timedelta(seconds=n % 250 + 1)) for n in range(150)]
    await insert(database, rows)
    for first, until, name in ((0, 40, "one"), (40, 62, "two"), (62, 82, "three"), (82, 84, "four")):
        await words(watcher, rows[first:until], "negative", name)
    assert await look(watcher) == [("alert.opened", "accuracy", "warning")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.measured_value == pytest.approx(1 - 62 / 150)
    assert alert.about.startswith("84 of 150 predictions were called wrong, which counts for 62 (callers without")


async def test_several_callers_who_do_not_know_each_other_can(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 60, 3000, right=100, wrong=5)
    for minutes, name in enumerate(("one", "two", "three")):
        await judged(database, watcher, clock, 6 + minutes, 900, wrong=15, caller=Caller(name, is_trusted=False))
    assert await look(watcher) == [("alert.opened", "accuracy", "critical")]


async def test_without_any_feedback_nothing_is_said_about_accuracy(
    database: Database, watcher: AlertWatcher, clock: Clock
) -> None:
    await judged(database, watcher, clock, 6, 50)
    assert await look(watcher) == []
