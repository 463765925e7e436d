"""Silences in Postgres; each one set or ended is on the audit trail. Without Postgres: DatabaseUnavailable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.alerts.alert import Alert
from metrics_service.audit.trail import ChangedBy, Subject, note
from metrics_service.database import autocommit, transaction
from metrics_service.silences.contracts import NewSilence, Silence
from shared.asyncio.clock import UtcNow
from shared.contracts.problem import FieldError
from shared.database.tables.metrics import silence
from shared.http.problems import InvalidRequest, Problem
from shared.service.key_models import EVERY_MODEL, KeyModels

MAX_SILENCES = 1000
"""That last at the same time; they are looked at with every alert."""


class UnknownSilence(Problem):
    """No silence of that id lasts."""

    status = 404
    type = "urn:problem-type:unknown-silence"
    title = "Unknown Silence"


@dataclass(frozen=True, slots=True)
class SilenceStore:
    """Sets, ends and lists silences."""

    engine: AsyncEngine
    clock: UtcNow

    async def set(self, asked: NewSilence, changed_by: ChangedBy) -> Silence:
        """A new silence from now on. Raises InvalidRequest for an end that cannot be, or when there are too many."""
        now = self.clock()
        try:
            until = asked.end(now)
        except ValueError as error:
            raise InvalidRequest([FieldError(location="body.until", message=str(error))]) from error
        new = Silence(
            silence_id=uuid4(),
            model_name=asked.model_name,
            signal=asked.signal,
            until=until,
            reason=asked.reason,
            created_at=now,
        )
        async with transaction(self.engine) as connection:
            lasting = select(func.count()).select_from(silence).where(silence.c.until > now)
            if (await connection.scalar(lasting) or 0) >= MAX_SILENCES:
                raise InvalidRequest([FieldError(location="body", message=f"{MAX_SILENCES} silences last already")])
            await connection.execute(insert(silence).values(new.model_dump()))
            detail = new.model_dump(mode="json", exclude={"model_name", "created_at"})
            await note(connection, Subject.SILENCE, "set", new.model_name, detail, changed_by)
        return new

    async def end(self, silence_id: UUID, changed_by: ChangedBy, models: KeyModels = EVERY_MODEL) -> None:
        """Ends one of these models now; what was held back is told at the next look. Raises UnknownSilence."""
        now = self.clock()
        async with transaction(self.engine) as connection:
            statement = update(silence).where(silence.c.silence_id == silence_id, silence.c.until > now)
            ended = (
                await connection.execute(statement.values(until=now).returning(silence.c.model_name))
            ).one_or_none()
            if ended is None or ended.model_name not in models:
                raise UnknownSilence("No silence of this id lasts.")
            detail = {"silence_id": str(silence_id)}
            await note(connection, Subject.SILENCE, "ended", ended.model_name, detail, changed_by)

    async def lasting(self) -> Sequence[Silence]:
        """Those that last now."""
        async with autocommit(self.engine) as connection:
            return await active_silences(connection, self.clock())


async def active_silences(connection: AsyncConnection, now: datetime) -> Sequence[Silence]:
    """The silences that last at a moment, the longest first."""
    query = select(silence).where(silence.c.until > now).order_by(silence.c.until.desc(), silence.c.silence_id)
    return [Silence.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]


def silenced_until(silences: Iterable[Silence], alert: Alert) -> datetime | None:
    """Until when an alert is silenced; None: it is not."""
    ends = [
        one.until
        for one in silences
        if one.model_name in (None, alert.model_name) and one.signal in (None, alert.signal)
    ]
    return max(ends, default=None)
