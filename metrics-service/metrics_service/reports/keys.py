"""What the predictions of a key came to: counts and averages of whole hours, read from small rollups of its own.

There are no histograms by key, so there are no percentiles, labels or breaches: as many as of every model for every key
would cost more than the record. Without Postgres: DatabaseUnavailable.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Uuid, bindparam
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import DateTime, Text

from metrics_service.database import autocommit
from metrics_service.sql import statement
from metrics_service.windows.window import ceil_to
from shared.asyncio.clock import UtcNow
from shared.contracts.problem import FieldError
from shared.database import rollup_widths
from shared.http.problems import InvalidRequest

OF_KEY = statement(
    "of_key",
    bindparam("key_id", type_=Uuid()),
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
    bindparam("model_name", type_=Text),
)


class VersionOfKey(BaseModel):
    """What a key got from one version of a model."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    predictions: int
    average_confidence: float | None = Field(description="Over the predictions that have one")
    average_inference_time_ms: float


class MetricsOfKey(BaseModel):
    """What the predictions of a key came to."""

    key_id: UUID
    predictions: int = Field(description="Of the versions below")
    versions: list[VersionOfKey] = Field(description="Those with the most predictions first, at most 100")
    time_window_start: datetime
    time_window_end: datetime = Field(description="The end of an hour, which may not be over")


@dataclass(frozen=True, slots=True)
class KeyReporter:
    """Answers questions about keys. `kept`: for how long their hours are."""

    engine: AsyncEngine
    clock: UtcNow
    kept: timedelta

    async def report(self, key_id: UUID, hours: int, end: datetime | None, model_name: str | None) -> MetricsOfKey:
        """So many hours, up to that in which the window ends. A key that nobody knows has no predictions.

        Raises InvalidRequest for hours that are no longer kept, or have not begun: they would look like idle ones.
        """
        now = self.clock()
        until = ceil_to(rollup_widths.HOUR, end or now)
        since = until - timedelta(hours=hours)
        self._check_kept(since, now)
        parameters = {"key_id": key_id, "start": since, "end": until, "model_name": model_name}
        async with autocommit(self.engine) as connection:
            rows = (await connection.execute(OF_KEY, parameters)).mappings()
            versions = [VersionOfKey.model_validate(dict(row)) for row in rows]
        return MetricsOfKey(
            key_id=key_id,
            predictions=sum(version.predictions for version in versions),
            versions=versions,
            time_window_start=since,
            time_window_end=until,
        )

    def _check_kept(self, since: datetime, now: datetime) -> None:
        """Raises InvalidRequest unless all hours from `since` on are kept, and the first has begun."""
        if since >= now:
            message = f"the window lies in the future: it begins at {since.isoformat()}, now is {now.isoformat()}"
        elif since < now - self.kept:
            message = f"the window begins more than {self.kept.days} days ago; hours of keys are no longer kept"
        else:
            return
        raise InvalidRequest([FieldError(location="query.window_end", message=message)])
