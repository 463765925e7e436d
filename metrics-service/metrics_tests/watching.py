"""A watcher with a clock that tests turn."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.rules import Policy
from metrics_service.alerts.store import AlertStore
from metrics_service.baselines.store import BaselineStore
from metrics_service.feedback.store import FeedbackStore
from metrics_service.notifications.outbox import Outbox
from metrics_service.notifications.webhooks import Webhook
from metrics_service.reports.drift import DriftReporter
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.watch.scope import Watch
from metrics_service.watch.watcher import AlertWatcher
from metrics_service.windows.coverage import Coverage
from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=12)
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


def watcher_of(
    engine: AsyncEngine, clock: Clock, watch: Watch = WATCH, webhooks: Sequence[Webhook] = ()
) -> AlertWatcher:
    store = AlertStore(engine, Policy(margin=0.05, cooldown=timedelta(minutes=10)), Outbox(webhooks).announce)
    drift = DriftReporter(engine, Coverage(clock, 30, 90), BaselineStore(engine))
    return AlertWatcher(engine, ThresholdStore(engine), drift, FeedbackStore(engine, 100), store, clock, watch)


async def predict(database: Database, clock: Clock, count: int = 20, **fields: object) -> list[Row]:
    """Predictions of the last minute."""
    rows = [Row(created_at=clock.now - timedelta(seconds=(n + 1) * 50 / count), **fields) for n in range(count)]
    await insert(database, rows)
    return rows


async def look(watcher: AlertWatcher) -> list[tuple[str, str, str]]:
    """What one round changes."""
    events = await watcher.look()
    return [(event.type, event.alert.signal, event.alert.severity) for event in events]
