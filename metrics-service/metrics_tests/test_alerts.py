"""From predictions that go wrong to alerts that arrive."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.rules import Policy
from metrics_service.alerts.store import AlertStore
from metrics_service.audit.trail import ChangedBy
from metrics_service.baselines.contracts import PinBaseline
from metrics_service.baselines.pinning import Pinning
from metrics_service.baselines.store import BaselineStore
from metrics_service.feedback.store import FeedbackStore
from metrics_service.notifications.outbox import Outbox
from metrics_service.reports.drift import DriftReporter
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.watch.scope import Watch
from metrics_service.watch.watcher import STATUS, AlertWatcher
from metrics_service.windows.coverage import Coverage
from metrics_tests.receiver import Receiver
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.postgres import Database

START = datetime.now(UTC) - timedelta(hours=6)
WATCH = Watch(
    interval_seconds=1, window_minutes=5, min_predictions=10, drift_window_minutes=30, drift_reference_minutes=60
)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(engine: AsyncEngine, clock: Clock) -> AlertWatcher:
    coverage = Coverage(clock, 30, 90)
    store = AlertStore(engine, Policy(margin=0.05, cooldown=timedelta(minutes=10)), Outbox(()).announce)
    drift = DriftReporter(engine, coverage, BaselineStore(engine))
    return AlertWatcher(engine, ThresholdStore(engine), drift, FeedbackStore(engine, 100), store, clock, WATCH)


async def predict(database: Database, clock: Clock, count: int = 20, **fields: object) -> None:
    """Predictions of the last minutes, and time goes on beyond the window that is watched."""
    clock.advance(minutes=WATCH.window_minutes + 1)
    await insert(database, [Row(created_at=clock.now - timedelta(seconds=n + 1), **fields) for n in range(count)])


async def look(watcher: AlertWatcher) -> list[tuple[str, str, str]]:
    events = await watcher.look()
    return [(event.type, event.alert.signal, event.alert.severity) for event in events]


async def test_an_alert_opens_escalates_eases_and_closes(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    story = []
    for milliseconds in (100, 250, 250, 600, 480, 300, 195, 100):
        await predict(database, clock, time_ms=float(milliseconds))
        story.append(await look(watcher))
    signal = "inference_time"
    assert story == [
        [],
        [("alert.opened", signal, "warning")],
        [],
        [("alert.escalated", signal, "critical")],
        [],
        [("alert.eased", signal, "warning")],
        [],
        [("alert.closed", signal, "warning")],
    ]
    (alert,) = await watcher.alerts.list(None, is_open=None, limit=10)
    assert alert.closed_at == clock.now


async def test_each_signal_of_each_model_has_an_alert_of_its_own(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    await predict(database, clock, model_name="a", confidence=0.3, time_ms=250.0)
    await insert(database, [Row(created_at=clock.now - timedelta(seconds=1), model_name="b") for _ in range(20)])
    assert sorted(await look(watcher)) == [
        ("alert.opened", "confidence", "critical"),
        ("alert.opened", "inference_time", "warning"),
    ]
    assert {alert.model_name for alert in await watcher.alerts.list(None, is_open=True, limit=10)} == {"a"}
    assert STATUS.labels("a", "confidence")._value.get() == 2
    assert STATUS.labels("b", "confidence")._value.get() == 0


async def test_drift_is_a_signal(database: Database, clock: Clock, watcher: AlertWatcher) -> None:
    await predict(database, clock, 200, label="positive")
    clock.advance(minutes=30)
    await predict(database, clock, 200, label="negative")
    assert await look(watcher) == [("alert.opened", "drift", "critical")]


async def test_few_predictions_open_nothing_and_silence_closes_nothing(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    await predict(database, clock, WATCH.min_predictions - 1, time_ms=600.0)
    assert await look(watcher) == []
    await predict(database, clock, time_ms=600.0)
    assert await look(watcher) == [("alert.opened", "inference_time", "critical")]
    clock.advance(minutes=30)
    assert await look(watcher) == []


async def test_alerts_of_a_model_that_is_no_longer_used_are_closed(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    await predict(database, clock, time_ms=600.0)
    await look(watcher)
    clock.advance(hours=26)
    assert await look(watcher) == [("alert.closed", "inference_time", "critical")]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_alert_is_listed_and_delivered_and_what_is_refused_comes_again_with_the_same_id(
    database: Database,
) -> None:
    with Receiver() as receiver:
        receiver.status = 500
        settings = settings_for(database, alert_interval=0.1, alert_webhooks=receiver.url, alert_webhook_secret="key")
        async with client_of(settings) as client:
            await insert(database, [Row(confidence=0.3) for _ in range(20)])
            await until(lambda: len(receiver.received) == 1)
            receiver.status = 204
            await until(lambda: len(receiver.received) == 2)
            first, second = receiver.received
            assert first.id == second.id
            assert first.body == second.body
            assert second.headers["webhook-signature"].startswith("v1,")
            (alert,) = (await client.get("/metrics/alerts?state=open")).json()["alerts"]
            assert second.json()["data"]["alert_id"] == alert["alert_id"]
            assert (alert["signal"], alert["severity"]) == ("confidence", "critical")
            assert (await client.get("/metrics/alerts?state=closed")).json() == {"alerts": []}
            await register(database, "other")
            assert (await client.get("/metrics/alerts?model_name=other")).json() == {"alerts": []}
    assert len(receiver.received) == 2


@pytest.mark.parametrize("query", ["state=new", "limit=0", "limit=1001", "model_name=a/b"])
async def test_a_list_that_cannot_be_is_a_422(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/metrics/alerts?{query}")).status_code == 422


async def test_fifty_predictions_of_another_kind_are_an_alert(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    mixture = ("positive",) * 5 + ("negative",) * 3 + ("neutral",) * 2
    for number in range(11):
        await insert(
            database, [Row(created_at=clock.now - timedelta(minutes=40), label=label) for label in mixture * 10]
        )
        assert await look(watcher) == [], number
    await insert(database, [Row(created_at=clock.now - timedelta(seconds=n + 1), label="negative") for n in range(50)])
    assert await look(watcher) == [("alert.opened", "drift", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.about == "label against the time before"


async def test_a_change_that_is_only_likely_opens_nothing_and_keeps_open_what_is(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    def rows(count: int, negatives: int, minutes_ago: float) -> list[Row]:
        at = clock.now - timedelta(minutes=minutes_ago)
        return [Row(created_at=at, label="negative" if n < negatives else "positive") for n in range(count)]

    await insert(database, [*rows(1000, 300, 80), *rows(1000, 300, 40)])
    await insert(database, rows(40, 21, 5))
    assert await look(watcher) == [], "21 of 40 instead of 12: likely, not certain, over all measures together"
    await insert(database, rows(60, 60, 4))
    assert await look(watcher) == [("alert.opened", "drift", "critical")]


async def test_slow_drift_is_an_alert_against_a_baseline_that_is_watched(
    database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    balanced = [Row(created_at=clock.now, label=label) for label in ("positive", "negative") * 200]
    await insert(database, balanced)
    clock.advance(minutes=1)
    pinning = Pinning(watcher.engine, watcher.drift.coverage, watcher.drift.baselines)
    asked = PinBaseline(time_window_minutes=5)
    await pinning.pin("lexicon", "spring", asked, ChangedBy("request", "address"))
    story = []
    for positives in (200, 240, 275, 340, 395):
        clock.advance(minutes=31)
        labels = ["positive"] * positives + ["negative"] * (400 - positives)
        at = clock.now - timedelta(seconds=1)
        await insert(database, [Row(created_at=at, label=label, model_version="1.1.0") for label in labels])
        story += await look(watcher)
    assert story == [("alert.opened", "drift", "warning"), ("alert.escalated", "drift", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=5)
    assert alert.about == "label against the baseline spring; version 1.1.0 is new"
