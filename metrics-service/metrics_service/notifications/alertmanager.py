"""Tells Alertmanagers what is wrong, again and again, as Prometheus does: they keep alerts in memory and forget.

Whatever fires is sent at once and then at every interval, with an end in a few intervals; what is over is sent for a
while longer. So an Alertmanager that was restarted knows everything after one interval, and one that no longer hears
from us ends every alert by itself. There is no queue: what is sent is what is on record now. In a silence what was
told before goes on as it was told: were it left out, it would end there, as if it were over.

There the severity is part of what an alert is: when it changes, one alert ends and another begins.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
import orjson
import structlog
from prometheus_client import Counter
from pydantic import SecretStr
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.alert import Alert
from metrics_service.alerts.store import alert_of
from metrics_service.database import autocommit
from metrics_service.notifications.posting import pause_after, post
from metrics_service.notifications.text import description, headline
from metrics_service.notifications.webhooks import Format, Webhook, signed_headers
from metrics_service.silences.store import active_silences, silenced_until
from shared.asyncio.clock import UtcNow
from shared.contracts.thresholds import Status
from shared.database.tables.metrics import alert as alert_table

POLL_SECONDS = 0.5

INTERVALS_UNTIL_END = 4
"""An alert that is not sent again for so many intervals ends by itself; Prometheus has the same four."""

RESOLVED_FOR = timedelta(minutes=15)
"""How long an end is sent again; as long as Prometheus does."""

MAX_ALERTS = 1000
"""In one request; there is at most one alert per model and signal."""

SENT = Counter("metrics_alertmanager_requests", "Attempts to tell an Alertmanager what fires", ["outcome"])

log = structlog.get_logger()


@dataclass(slots=True)
class Receiver:
    """One Alertmanager, and what it knows. Only `AlertmanagerSync` changes it."""

    webhook: Webhook
    told: frozenset[tuple[Any, ...]] | None = None
    due_at: datetime | None = None
    failures: int = 0


@dataclass(slots=True)
class AlertmanagerSync:
    """Sends what fires. Receiver unavailable: tried again. Without Postgres: DatabaseUnavailable ends the run."""

    engine: AsyncEngine
    client: httpx.AsyncClient
    webhooks: Sequence[Webhook]
    secret: SecretStr | None
    interval: timedelta
    clock: UtcNow
    receivers: list[Receiver] = field(init=False)

    def __post_init__(self) -> None:
        alertmanagers = [webhook for webhook in self.webhooks if webhook.format is Format.ALERTMANAGER]
        self.receivers = [Receiver(webhook) for webhook in alertmanagers]

    async def run(self) -> None:
        """For ever; whoever leads anew tells everything at once."""
        for receiver in self.receivers:
            receiver.told, receiver.due_at = None, None
        async with asyncio.TaskGroup() as group:
            for receiver in self.receivers:
                group.create_task(self._serve(receiver))

    async def _serve(self, receiver: Receiver) -> None:
        """One of them, for ever; none waits for another."""
        while True:
            await self.look([receiver])
            await asyncio.sleep(POLL_SECONDS)

    async def look(self, receivers: Sequence[Receiver]) -> None:
        """Sends to those that do not know the newest, or have not heard for an interval."""
        now = self.clock()
        alerts = await self._current(now)
        state = frozenset((alert.alert_id, alert.changed_at, alert.closed_at) for alert in alerts)
        due = [receiver for receiver in receivers if is_due(receiver, state, now)]
        if due and alerts:
            body = orjson.dumps(alertmanager_alerts(alerts, now, self.interval))
            await asyncio.gather(*(self._tell(receiver, state, body, now) for receiver in due))

    async def _current(self, now: datetime) -> list[Alert]:
        """What is open and what ended not long ago; what is silenced, as it was told, and not at all if it was not."""
        is_current = or_(alert_table.c.closed_at.is_(None), alert_table.c.closed_at > now - RESOLVED_FOR)
        query = select(alert_table).where(is_current).order_by(alert_table.c.changed_at.desc()).limit(MAX_ALERTS)
        async with autocommit(self.engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
            silences = await active_silences(connection, now) if rows else []
        alerts = ((alert_of(row), Status(row["announced"])) for row in rows)
        told = (
            alert.as_told(announced) if alert.closed_at is None and silenced_until(silences, alert) else alert
            for alert, announced in alerts
        )
        return [alert for alert in told if alert]

    async def _tell(self, receiver: Receiver, state: frozenset[tuple[Any, ...]], body: bytes, now: datetime) -> None:
        """One attempt; notes when the next one is due."""
        refusal = await self._send(receiver.webhook, body)
        SENT.labels("refused" if refusal else "delivered").inc()
        if refusal is None:
            receiver.told, receiver.failures, receiver.due_at = state, 0, now + self.interval
            return
        receiver.failures += 1
        receiver.due_at = now + pause_after(receiver.failures, self.interval)
        log.warning("alertmanager not told", webhook=receiver.webhook.key, reason=refusal)

    async def _send(self, webhook: Webhook, body: bytes) -> str | None:
        """One request; None when it was taken, else why not."""
        message_id = str(uuid5(NAMESPACE_URL, body.hex()))
        sent = signed_headers(message_id, body, self.secret, self.clock())
        return await post(self.client, webhook.url, body, sent)


def is_due(receiver: Receiver, state: frozenset[tuple[Any, ...]], now: datetime) -> bool:
    """Whether a receiver must be told: of something new at once, unless it has just failed; else at its interval."""
    if receiver.due_at is None or now >= receiver.due_at:
        return True
    return receiver.failures == 0 and receiver.told != state


def alertmanager_alerts(alerts: Iterable[Alert], now: datetime, interval: timedelta) -> list[dict[str, Any]]:
    """Everything for `POST /api/v2/alerts`; of what has the same labels, the newest alone."""
    entries: dict[tuple[str, str, str], dict[str, Any]] = {}
    for alert in sorted(alerts, key=lambda one: one.changed_at):
        for entry in entries_of(alert, now, interval):
            labels = entry["labels"]
            entries[labels["model_name"], labels["alertname"], labels["severity"]] = entry
    return list(entries.values())


def entries_of(alert: Alert, now: datetime, interval: timedelta) -> Iterable[dict[str, Any]]:
    """One alert per severity that it had, then the one that it has.

    Those that ended long ago are said to have ended, too: a silence may have kept them firing until now.
    """
    for evidence, following in zip(alert.history, alert.history[1:], strict=False):
        if evidence.severity is not Status.NORMAL:
            yield entry_of(alert, evidence.severity, evidence.at, following.at)
    if alert.closed_at is None:
        since = alert.history[-1].at if alert.history else alert.opened_at
        yield entry_of(alert, alert.severity, since, now + INTERVALS_UNTIL_END * interval)
    elif alert.closed_by is None:
        yield entry_of(alert, alert.severity, alert.opened_at, alert.closed_at)


def entry_of(alert: Alert, severity: Status, starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
    """One alert as Alertmanager takes it."""
    return {
        "labels": {
            "alertname": f"model_{alert.signal}",
            "model_name": alert.model_name,
            "severity": severity,
            "service": "metrics-service",
        },
        "annotations": {
            "summary": headline(alert),
            "description": description(alert),
            "alert_id": str(alert.alert_id),
        },
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat(),
    }
