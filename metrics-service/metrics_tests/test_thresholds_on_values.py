"""Thresholds on the average value and on errors: set by model, judged by the one judge, told by alerts."""

from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.feedback.contracts import Caller, Feedback
from metrics_service.thresholds.judge import Limit, Limits, judge
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, look, watcher_of
from shared.contracts.thresholds import Status, Thresholds
from shared.testing.postgres import Database

URL, OF_HOUSES = "/metrics/thresholds", {"model_name": "houses"}
HOUSES = {"label": None, "confidence": None, "model_name": "houses", "task_type": "regression"}
RANGE = {"min_value_critical": -50, "min_value_warning": 100, "max_value_warning": 200, "max_value_critical": 300}
ERRORS = {"max_mae_warning": 10, "max_mae_critical": 40.5}
ALL = Thresholds(**RANGE, **ERRORS)
NORMAL, WARNING, CRITICAL = Status.NORMAL, Status.WARNING, Status.CRITICAL


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The model of these tests."""
    await register(database, "houses", task_type="regression")


@pytest.mark.parametrize(
    ("value", "error", "status", "breached"),
    [
        (150, 5, NORMAL, []),
        (100, 10, NORMAL, []),  # a limit itself is no trouble
        (None, None, NORMAL, []),
        (99, None, WARNING, ["min_value_warning"]),
        (-51, 11, CRITICAL, ["min_value_critical", "max_mae_warning"]),
        (201, 41, CRITICAL, ["max_value_warning", "max_mae_critical"]),
        (301, None, CRITICAL, ["max_value_critical"]),
    ],
)
def test_values_and_errors_are_judged_as_everything_else(
    value: float | None, error: float | None, status: Status, breached: list[str]
) -> None:
    found, breaches = judge(0.9, 10, ALL, value, error)
    assert (found, [breach.threshold for breach in breaches]) == (status, breached)
    assert all(breach.threshold_value == getattr(ALL, breach.threshold) for breach in breaches)
    assert judge(0.9, 10, Thresholds(), value, error) == (NORMAL, []), "without thresholds nothing is trouble"


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 0.5), st.booleans(), st.booleans()
)
def test_a_margin_never_makes_a_verdict_on_a_value_milder(
    measured: float, one: float, other: float, margin: float, falling: bool, alone: bool
) -> None:
    """Values may be negative, and one of the two limits may be there alone."""
    low, high = Limit("low", min(one, other)), Limit("high", max(one, other))
    warning, critical = (high, low) if falling else (low, high)
    limits = Limits(None if alone else warning, critical, falling=falling, best=0.0)
    severities = list(Status)
    assert severities.index(limits.severity(measured, margin)) >= severities.index(limits.severity(measured))
    assert limits.limit(WARNING) is (critical if alone else warning)


async def test_they_are_set_and_removed_one_by_one(client: httpx.AsyncClient) -> None:
    before = (await client.get(URL, params=OF_HOUSES)).json()
    assert not {*RANGE, *ERRORS} & before.keys()
    assert {**RANGE, **ERRORS}.items() <= (
        (await client.put(URL, params=OF_HOUSES, json={**RANGE, **ERRORS})).json().items()
    )
    left = (await client.put(URL, params=OF_HOUSES, json={"min_value_critical": None, "max_mae_warning": None})).json()
    assert "min_value_critical" not in left
    assert (left["min_value_warning"], left["max_mae_critical"], left["version"]) == (100, 40.5, 2)
    assert (await client.get(URL, params=OF_HOUSES)).json() == left
    newest, oldest = (await client.get(f"{URL}/changes", params=OF_HOUSES)).json()["changes"]
    assert ("min_value_critical" in newest["before"], "min_value_critical" in newest["after"]) == (True, False)
    assert "min_value_critical" not in oldest["before"]


@pytest.mark.parametrize(
    ("body", "params", "location", "message"),
    [
        ({"max_value_warning": 1}, {}, "body.max_value_warning", "is of one model: name it in model_name"),
        ({"min_value_warning": 300}, OF_HOUSES, "body", "max_value_warning must be above min_value_warning"),
        ({"max_value_critical": 200}, OF_HOUSES, "body", "max_value_critical must be above max_value_warning"),
        ({"max_mae_critical": 10}, OF_HOUSES, "body", "max_mae_critical must be above max_mae_warning"),
        ({"max_mae_warning": 0}, OF_HOUSES, "body.max_mae_warning", "greater than 0"),
        ({"max_value_warning": 1e151}, OF_HOUSES, "body.max_value_warning", "less than or equal to"),
        ({"max_value_warning": "1"}, OF_HOUSES, "body.max_value_warning", "number"),
        ({"min_confidence_warning": None}, OF_HOUSES, "body.min_confidence_warning", "number"),
    ],
)
async def test_what_makes_no_sense_is_told(
    client: httpx.AsyncClient, body: dict, params: dict, location: str, message: str
) -> None:
    assert (await client.put(URL, params=OF_HOUSES, json={**RANGE, **ERRORS})).status_code == 200
    answer = await client.put(URL, params=params, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["location"] == location
    assert message in error["message"]


async def test_the_status_of_a_window_knows_them(client: httpx.AsyncClient, database: Database) -> None:
    rows = [Row(value=250.0 + n, **HOUSES) for n in (-1, 1)]
    await insert(database, rows)
    await client.put(URL, params=OF_HOUSES, json={**RANGE, **ERRORS})
    found = (await client.post("/metrics/aggregated", json=OF_HOUSES)).json()
    assert (found["status"], [each["threshold"] for each in found["breaches"]]) == ("warning", ["max_value_warning"])
    await client.post("/feedback", json={"prediction_id": str(rows[0].prediction_id), "value": 200})
    found = (await client.post("/metrics/aggregated", json=OF_HOUSES)).json()
    assert [(each["threshold"], each["measured_value"]) for each in found["breaches"]] == [
        ("max_value_warning", 250), ("max_mae_critical", 49),
    ]  # fmt: skip
    assert (await client.post("/metrics/aggregated", json={})).json()["status"] == "normal", "they are of one model"


async def predict(database: Database, clock: Clock, value: float, **more: object) -> list[Row]:
    rows = [Row(created_at=clock.now - timedelta(seconds=n + 1), value=value, **{**HOUSES, **more}) for n in range(20)]
    await insert(database, rows)
    return rows


async def test_an_alert_tells_when_values_leave_their_range_and_come_back(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine, clock: Clock
) -> None:
    """On either side; and close to the limit it stays open."""
    await client.put(URL, params=OF_HOUSES, json=RANGE)
    watcher, told = watcher_of(engine, clock), []
    for value in (150, 310, 250, 199, 150, 99, -60, 150):
        await predict(database, clock, value)
        told.append([event[0] + " " + event[2] for event in await look(watcher) if event[1] == "value"])
        clock.advance(minutes=20)
    assert told == [
        [], ["alert.opened critical"], ["alert.eased warning"], [], ["alert.closed warning"],
        ["alert.opened warning"], ["alert.escalated critical"], ["alert.closed critical"],
    ]  # fmt: skip


async def said(watcher: AlertWatcher, rows: list[Row], value: float, *, trusted: bool) -> None:
    words = [Feedback(prediction_id=row.prediction_id, value=value) for row in rows]
    await watcher.feedback.give_all(words, Caller("somebody", is_trusted=trusted))


async def test_errors_are_an_alert_by_trusted_words_alone_and_by_enough_of_them(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine, clock: Clock
) -> None:
    await client.put(URL, params=OF_HOUSES, json=ERRORS)
    watcher = watcher_of(engine, clock)
    rows = await predict(database, clock, 100)
    await said(watcher, rows, 1e9, trusted=False)
    assert await look(watcher) == []
    await said(watcher, rows[:9], 150, trusted=True)
    assert await look(watcher) == []
    await said(watcher, rows[9:10], 150, trusted=True)
    events = await watcher.look()
    assert [(event.alert.signal, event.alert.severity) for event in events] == [("error", "critical")]
    (alert,) = (event.alert for event in events)
    assert (alert.threshold, alert.measured_value) == ("max_mae_critical", 50)
    assert alert.about == "over 10 predictions that were judged with the admin token"


async def test_other_models_are_not_read_for_values(database: Database, engine: AsyncEngine, clock: Clock) -> None:
    await predict(database, clock, 1e9)
    assert await look(watcher_of(engine, clock)) == []
