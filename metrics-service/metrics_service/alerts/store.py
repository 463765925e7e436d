"""Alerts in Postgres. What happens to an alert and the deliveries it takes are one transaction: nothing is forgotten.

Without Postgres: DatabaseUnavailable.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.alerts.alert import DERIVED, Alert, AlertEvent, EventType
from metrics_service.alerts.rules import Policy, Reading, event_type, next_severity
from metrics_service.database import autocommit, transaction
from shared.contracts.thresholds import Status
from shared.database import locks
from shared.database.tables.metrics import alert

Announce = Callable[[AsyncConnection, datetime, str], Awaitable[None]]
"""Called within the transaction that changed alerts, with the time now and the name of their model."""


class AlertStore:
    """Changes alerts by what was read, and lists them. `announce`: tells whoever is to be told of a model's alerts."""

    def __init__(self, engine: AsyncEngine, policy: Policy, announce: Announce) -> None:
        self._engine, self.policy, self._announce = engine, policy, announce

    async def apply(self, model_name: str, readings: Sequence[Reading], now: datetime) -> list[AlertEvent]:
        """Opens, changes and closes the alerts of a model; returns what happened. What was not read stays as it is."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(locks.ALERT_CHANGE)))
            events = []
            for reading in readings:
                newest = await newest_alert(connection, model_name, reading)
                severity = next_severity(reading, newest, self.policy, now)
                if event := changed(newest, model_name, reading, severity, now):
                    await save(connection, event.alert)
                    events.append(event)
            await self._announce(connection, now, model_name)
            return events

    async def close_except(self, model_names: Sequence[str], now: datetime) -> list[AlertEvent]:
        """Closes the alerts of models that are no longer in use."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(locks.ALERT_CHANGE)))
            query = select(alert).where(alert.c.closed_at.is_(None), alert.c.model_name.not_in(model_names))
            unused = [alert_of(row) for row in (await connection.execute(query)).mappings()]
            events = [closed(one, now) for one in unused]
            for event in events:
                await save(connection, event.alert)
                await self._announce(connection, now, event.alert.model_name)
            return events

    async def list(self, model_name: str | None, *, is_open: bool | None, limit: int) -> list[Alert]:
        """Alerts, newest first."""
        query = select(alert).order_by(alert.c.opened_at.desc(), alert.c.alert_id).limit(limit)
        if model_name is not None:
            query = query.where(alert.c.model_name == model_name)
        if is_open is not None:
            query = query.where(alert.c.closed_at.is_(None) if is_open else alert.c.closed_at.is_not(None))
        async with autocommit(self._engine) as connection:
            return [alert_of(row) for row in (await connection.execute(query)).mappings()]


async def save(connection: AsyncConnection, changed_alert: Alert) -> None:
    """Stores the alert as it is now."""
    values = changed_alert.model_dump(exclude={"history", *DERIVED})
    values["history"] = [evidence.model_dump(mode="json") for evidence in changed_alert.history]
    statement = upsert(alert).values(values).on_conflict_do_update(index_elements=["alert_id"], set_=values)
    await connection.execute(statement)


async def newest_alert(connection: AsyncConnection, model_name: str, reading: Reading) -> Alert | None:
    """The open alert of a model and signal, or else the one that closed last."""
    query = (
        select(alert)
        .where(alert.c.model_name == model_name, alert.c.signal == reading.signal)
        .order_by(alert.c.closed_at.desc().nulls_first())
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return alert_of(row) if row else None


def alert_of(row: RowMapping) -> Alert:
    """A stored row as the service speaks of it."""
    return Alert.model_validate(dict(row))


def changed(
    newest: Alert | None, model_name: str, reading: Reading, severity: Status, now: datetime
) -> AlertEvent | None:
    """What a new severity makes of the newest alert; None when that is nothing."""
    still_open = newest if newest and newest.closed_at is None else None
    before = still_open.severity if still_open else Status.NORMAL
    kind = event_type(before, severity)
    if kind is None:
        return None
    evidence = reading.evidence(severity, now)
    after = still_open.with_evidence(evidence) if still_open else opened(model_name, reading, severity, now)
    return AlertEvent(event_id=uuid4(), type=kind, occurred_at=now, previous_severity=before, alert=after)


def opened(model_name: str, reading: Reading, severity: Status, now: datetime) -> Alert:
    """A new alert."""
    evidence = reading.evidence(severity, now)
    return Alert(
        alert_id=uuid4(),
        model_name=model_name,
        signal=reading.signal,
        opened_at=now,
        changed_at=now,
        history=[evidence],
        **evidence.model_dump(exclude={"at"}),
    )


def closed(unused: Alert, now: datetime) -> AlertEvent:
    """The end of an alert without a reading."""
    return AlertEvent(
        event_id=uuid4(),
        type=EventType.CLOSED,
        occurred_at=now,
        previous_severity=unused.severity,
        alert=unused.unwatched(now),
    )
