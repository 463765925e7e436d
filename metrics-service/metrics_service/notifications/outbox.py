"""Queues for every webhook what it was not told yet of alerts; `delivery` takes it there."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from metrics_service.alerts.alert import AlertEvent, EventType
from metrics_service.alerts.rules import event_type
from metrics_service.alerts.store import alert_of
from metrics_service.notifications.webhooks import Webhook
from metrics_service.silences.store import active_silences, silenced_until
from shared.contracts.thresholds import Status
from shared.database.tables.metrics import alert, alert_delivery


class Outbox:
    """Events that wait for their delivery, in the transaction of the alerts that they are about."""

    def __init__(self, webhooks: Sequence[Webhook]) -> None:
        self._webhooks = [webhook for webhook in webhooks if webhook.takes_events]

    async def announce(self, connection: AsyncConnection, now: datetime, model_name: str) -> None:
        """A delivery for every webhook of what it was not told yet: held back while a silence lasts, ends never."""
        is_untold = or_(alert.c.closed_at.is_(None), alert.c.announced != Status.NORMAL)
        query = select(alert).where(alert.c.model_name == model_name, is_untold).order_by(alert.c.changed_at)
        rows = (await connection.execute(query)).mappings().all()
        silences = await active_silences(connection, now) if rows else []
        for row in rows:
            stored, told = alert_of(row), Status(row["announced"])
            current = Status.NORMAL if stored.closed_at else stored.severity
            kind = event_type(told, current)
            if kind is None or (kind is not EventType.CLOSED and silenced_until(silences, stored)):
                continue
            event = AlertEvent(event_id=uuid4(), type=kind, occurred_at=now, previous_severity=told, alert=stored)
            await self._enqueue(connection, event)
            statement = update(alert).where(alert.c.alert_id == stored.alert_id)
            await connection.execute(statement.values(announced=current))

    async def _enqueue(self, connection: AsyncConnection, event: AlertEvent) -> None:
        """Stores a delivery for every webhook."""
        if not self._webhooks:
            return
        delivery = {
            "event_id": event.event_id,
            "model_name": event.alert.model_name,
            "event": event.model_dump(mode="json"),
            "created_at": event.occurred_at,
            "next_attempt_at": event.occurred_at,
        }
        rows = [{**delivery, "webhook": webhook.key} for webhook in self._webhooks]
        await connection.execute(insert(alert_delivery), rows)
