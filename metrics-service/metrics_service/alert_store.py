"""Alerts in Postgres. What happens to an alert and the deliveries it takes are one transaction: nothing is forgotten.

Postgres away: DatabaseAway.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.alerts import Alert, AlertEvent, EventType, Policy, Reading, event_type, next_severity
from metrics_service.database import changing, reading
from metrics_service.webhooks import Webhook
from shared.contracts.metrics import Status
from shared.database.tables.metrics import alert, alert_delivery

ALERT_LOCK = 4_703_118_284
"""Key of the advisory lock under which alerts change, so that deliveries are numbered in the order of events."""


class AlertStore:
    """Changes alerts by what was read, and lists them."""

    def __init__(self, engine: AsyncEngine, policy: Policy, webhooks: Sequence[Webhook]) -> None:
        self.engine, self.policy, self.webhooks = engine, policy, webhooks

    async def apply(self, model_name: str, readings: Sequence[Reading], now: datetime) -> list[AlertEvent]:
        """Opens, changes and closes the alerts of a model; returns what happened. What was not read stays as it is."""
        async with changing(self.engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ALERT_LOCK)))
            events = []
            for found in readings:
                newest = await newest_alert(connection, model_name, found)
                severity = next_severity(found, newest, self.policy, now)
                if event := changed(newest, model_name, found, severity, now):
                    await self.record(connection, event)
                    events.append(event)
            return events

    async def close_except(self, model_names: Sequence[str], now: datetime) -> list[AlertEvent]:
        """Closes the alerts of models that are no longer in use."""
        async with changing(self.engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ALERT_LOCK)))
            query = select(alert).where(alert.c.closed_at.is_(None), alert.c.model_name.not_in(model_names))
            left = [Alert.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]
            events = [closed(found, now) for found in left]
            for event in events:
                await self.record(connection, event)
            return events

    async def record(self, connection: AsyncConnection, event: AlertEvent) -> None:
        """Stores the alert as it is after the event, and a delivery for every webhook."""
        values = event.alert.model_dump()
        statement = upsert(alert).values(values).on_conflict_do_update(index_elements=["alert_id"], set_=values)
        await connection.execute(statement)
        if self.webhooks:
            delivery = {
                "event_id": event.event_id,
                "model_name": event.alert.model_name,
                "event": event.model_dump(mode="json"),
                "created_at": event.occurred_at,
                "next_attempt_at": event.occurred_at,
            }
            await connection.execute(
                insert(alert_delivery), [{**delivery, "webhook": webhook.key} for webhook in self.webhooks]
            )

    async def list(self, model_name: str | None, *, is_open: bool | None, limit: int) -> list[Alert]:
        """Alerts, newest first."""
        query = select(alert).order_by(alert.c.opened_at.desc(), alert.c.alert_id).limit(limit)
        if model_name is not None:
            query = query.where(alert.c.model_name == model_name)
        if is_open is not None:
            query = query.where(alert.c.closed_at.is_(None) if is_open else alert.c.closed_at.is_not(None))
        async with reading(self.engine) as connection:
            return [Alert.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]


async def newest_alert(connection: AsyncConnection, model_name: str, found: Reading) -> Alert | None:
    """The open alert of a model and signal, or else the one that closed last."""
    query = (
        select(alert)
        .where(alert.c.model_name == model_name, alert.c.signal == found.signal)
        .order_by(alert.c.closed_at.desc().nulls_first())
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return Alert.model_validate(dict(row)) if row else None


def changed(
    newest: Alert | None, model_name: str, found: Reading, severity: Status, now: datetime
) -> AlertEvent | None:
    """What a new severity makes of the newest alert; None when that is nothing."""
    known = newest if newest and newest.closed_at is None else None
    before = known.severity if known else Status.NORMAL
    kind = event_type(before, severity)
    if kind is None:
        return None
    limit = found.limit(severity)
    after = Alert(
        alert_id=known.alert_id if known else uuid4(),
        model_name=model_name,
        signal=found.signal,
        severity=before if severity is Status.NORMAL else severity,
        threshold=limit.name,
        threshold_value=limit.value,
        measured_value=found.measured,
        opened_at=known.opened_at if known else now,
        changed_at=now,
        closed_at=now if severity is Status.NORMAL else None,
    )
    return AlertEvent(event_id=uuid4(), type=kind, occurred_at=now, previous_severity=before, alert=after)


def closed(known: Alert, now: datetime) -> AlertEvent:
    """The end of an alert without a reading."""
    after = known.model_copy(update={"changed_at": now, "closed_at": now})
    return AlertEvent(
        event_id=uuid4(),
        type=EventType.CLOSED,
        occurred_at=now,
        previous_severity=known.severity,
        alert=after,
    )
