"""An alert tells what opened it and what closed it, however it went on in between."""

import json
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.alert import MAX_HISTORY, Alert, AlertEvent, Ending, Evidence, Signal
from metrics_service.notifications.alertmanager import entries_of
from metrics_service.notifications.text import description, headline
from metrics_service.notifications.webhooks import Webhook
from metrics_tests.rows import Row, insert, register
from metrics_tests.test_accuracy_alerts import judged
from metrics_tests.watching import Clock, look, predict, watcher_of
from shared.contracts.thresholds import Status
from shared.testing.postgres import Database


async def test_a_closed_alert_keeps_what_opened_it_beside_what_closed_it(
    database: Database, engine: AsyncEngine
) -> None:
    clock = Clock()
    watcher = watcher_of(engine, clock)
    for confidence in (0.158, 0.5, 0.65):
        await predict(database, clock, confidence=confidence)
        await look(watcher)
        clock.advance(minutes=6)
    (alert,) = await watcher.alerts.list(None, is_open=False, limit=10)
    assert [(e.severity, round(e.measured_value, 3), e.threshold_value) for e in alert.history] == [
        ("critical", 0.158, 0.4),
        ("warning", 0.5, 0.6),
        ("normal", 0.65, 0.6),
    ]
    assert (alert.severity, alert.threshold, alert.measured_value) == ("warning", "min_confidence_warning", 0.5)
    assert alert.opened_by is not None
    assert alert.closed_by is not None
    assert (alert.opened_by.severity, alert.closed_by.severity) == ("critical", "normal")
    assert headline(alert) == "Confidence of lexicon has recovered"
    assert description(alert) == (
        "It was warning. Now an average confidence of 0.65, min_confidence_warning is 0.6."
        " It opened at an average confidence of 0.158, min_confidence_critical is 0.4."
    )


async def test_an_alert_that_closed_at_once_from_critical_never_says_that_it_is_critical(
    database: Database, engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    clock = Clock()
    watcher = watcher_of(engine, clock)
    for milliseconds in (700.0, 3.0):
        await predict(database, clock, time_ms=milliseconds)
        await look(watcher)
        clock.advance(minutes=6)
    await register(database, "lexicon")
    (listed,) = (await client.get("/metrics/alerts?model_name=lexicon")).json()["alerts"]
    assert (listed["severity"], listed["measured_value"]) == ("critical", pytest.approx(700, rel=0.01))
    assert listed["opened_by"]["measured_value"] == listed["measured_value"]
    assert (listed["closed_by"]["severity"], listed["closed_by"]["measured_value"]) == ("normal", pytest.approx(3))
    assert listed["closed_by"]["at"] == listed["closed_at"]
    (alert,) = await watcher.alerts.list(None, is_open=False, limit=1)
    assert "is critical" not in headline(alert) + description(alert)
    assert "700 ms" in description(alert)


async def test_an_alert_of_a_model_that_is_no_longer_used_says_so(database: Database, engine: AsyncEngine) -> None:
    clock = Clock()
    watcher = watcher_of(engine, clock)
    await predict(database, clock, confidence=0.1)
    await look(watcher)
    clock.advance(hours=26)
    assert await look(watcher) == [("alert.closed", "confidence", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=False, limit=1)
    assert (alert.closed_by, len(alert.history)) == (None, 1)
    assert alert.ending is Ending.NO_LONGER_WATCHED
    assert headline(alert) == "Confidence of lexicon is no longer watched; it has not recovered"
    assert "no longer watched" in description(alert)


async def test_receivers_are_told_whether_an_alert_is_over_or_no_longer_watched(
    database: Database, engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    """Of every signal that a model had when it was last asked; in the events and in the list."""
    clock = Clock()
    watcher = watcher_of(engine, clock)
    await insert(database, [Row(created_at=clock.now - timedelta(minutes=m, seconds=-30)) for m in range(1, 121)])
    await predict(database, clock, confidence=0.1, time_ms=700.0)
    await look(watcher)
    await predict(database, clock, count=2000, confidence=0.9, time_ms=700.0)
    recovered = await watcher.look()
    assert {event.alert.signal for event in recovered} == {Signal.CONFIDENCE, Signal.DRIFT}
    assert {standard(event)["data"]["ending"] for event in recovered} == {"recovered"}
    clock.advance(minutes=30)
    assert await look(watcher) == [("alert.opened", "traffic", "critical")]
    clock.advance(hours=26)
    events = await watcher.look()
    assert {event.alert.signal for event in events} == {Signal.TRAFFIC, Signal.INFERENCE_TIME}
    for event in events:
        assert standard(event)["data"]["ending"] == "no_longer_watched"
        assert "has recovered" not in headline(event.alert)
        (entry,) = entries_of(event.alert, clock.now, timedelta(minutes=1))
        assert entry["annotations"]["summary"].endswith("is no longer watched; it has not recovered")
    await register(database, "lexicon")
    listed = (await client.get("/metrics/alerts?model_name=lexicon")).json()["alerts"]
    assert {alert["signal"]: alert["ending"] for alert in listed} == {
        "confidence": "recovered",
        "drift": "recovered",
        "inference_time": "no_longer_watched",
        "traffic": "no_longer_watched",
    }


def standard(event: AlertEvent) -> dict:
    """What a receiver of Standard Webhooks reads."""
    return json.loads(Webhook("http://a/").body(event))


async def test_what_was_open_at_the_upgrade_and_is_no_longer_watched_says_so(
    database: Database, engine: AsyncEngine
) -> None:
    clock = Clock()
    await leftover(database, clock)
    (event,) = await watcher_of(engine, clock).look()
    assert headline(event.alert) == "Confidence of lexicon is no longer watched; it has not recovered"
    assert "It opened at an average confidence of 0.2" in description(event.alert)


async def leftover(database: Database, clock: Clock) -> None:
    """An alert as a release without evidence leaves it."""
    await database.fetch(
        "INSERT INTO metrics.alert (alert_id, model_name, signal, severity, threshold, threshold_value, measured_value,"
        " opened_at, changed_at) VALUES (gen_random_uuid(), 'lexicon', 'confidence', 'critical',"
        " 'min_confidence_critical', 0.4, 0.2, $1, $1)",
        clock.now,
    )


async def test_a_closing_text_says_which_quantity_is_which(database: Database, engine: AsyncEngine) -> None:
    """An accuracy alert opens by a drop and closes by the share of what nobody called wrong."""
    clock = Clock()
    await register(database, "lexicon")
    watcher = watcher_of(engine, clock)
    await judged(database, watcher, clock, 60, 1000, wrong=10)
    await judged(database, watcher, clock, 6, 600, wrong=60)
    await look(watcher)
    clock.advance(minutes=31)
    await judged(database, watcher, clock, 6, 600, wrong=6)
    (event,) = await watcher.look()
    assert description(event.alert) == (
        "It was warning. Now an accuracy of at most 0.99 (6 of 600 predictions are known to be wrong),"
        " min_accuracy_warning is 0.7. It opened at a drop of 0.09 (share of predictions that nobody called wrong"
        " dropped from 0.99 to 0.9), accuracy_drop_warning is 0.05."
    )


def test_a_history_is_bounded_and_keeps_its_beginning() -> None:
    first = evidence(0)
    alert = Alert(
        alert_id="00000000-0000-4000-8000-000000000002",
        model_name="a",
        signal="drift",
        opened_at=first.at,
        changed_at=first.at,
        history=[first],
        **first.model_dump(exclude={"at"}),
    )
    for number in range(1, 200):
        alert = alert.with_evidence(evidence(number))
    assert len(alert.history) == MAX_HISTORY
    assert alert.opened_by == first
    assert [found.measured_value for found in alert.history[1:]] == list(range(151, 200))


def evidence(number: int) -> Evidence:
    severity = Status.CRITICAL if number % 2 else Status.WARNING
    at = Clock().now + timedelta(minutes=number)
    return Evidence(at=at, severity=severity, threshold="t", threshold_value=1, measured_value=number)


async def test_what_was_open_at_the_upgrade_has_no_evidence_and_closes_with_it(
    database: Database, engine: AsyncEngine
) -> None:
    """As a release without evidence leaves its rows while services are replaced one by one."""
    clock = Clock()
    await leftover(database, clock)
    watcher = watcher_of(engine, clock)
    await insert(database, [Row(created_at=clock.now - timedelta(seconds=n + 1), confidence=0.9) for n in range(20)])
    assert await look(watcher) == [("alert.closed", "confidence", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=False, limit=1)
    assert (alert.measured_value, alert.closed_by.measured_value) == (0.2, pytest.approx(0.9))
