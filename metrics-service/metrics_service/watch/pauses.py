"""Pauses that are usual: of jobs that run every hour, and of every day at its time.

A pause is usual that came three times within a day; of a model that is younger than that, one that came once. Until a
model has been asked for an hour nothing can be said. What comes once a day is no rhythm within the day: it is looked
for at its own time (`paused_around`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import DateTime, Text

from metrics_service.sql import statement

HISTORY = timedelta(days=1)
"""What is looked at before the last prediction."""

TIMES = 3
"""How often a pause must have come within it to be usual."""

LEAST_HISTORY = timedelta(hours=1)
"""A model that has not been asked for so long has no rhythm yet."""

SLACK = 1.5
"""How many times the usual pause is still no trouble: jobs take longer one time and less another."""

TOLERANCE = timedelta(minutes=15)
"""How much earlier or later than today a pause may have been yesterday."""

PAUSES = statement(
    "longest_pauses",
    bindparam("model_name", type_=Text),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("last_minute", type_=DateTime(timezone=True)),
)

PAUSED = statement(
    "paused_around",
    bindparam("model_name", type_=Text),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("first", "until", "since_then", "until_now")),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What pauses a model has; `is_known`: it has been asked for long enough to say."""

    is_known: bool = True
    usual_pause: timedelta = timedelta(0)

    @property
    def limit_minutes(self) -> int:
        """How long a pause may be."""
        return ceil(SLACK * self.usual_pause / timedelta(minutes=1))

    @property
    def words(self) -> str:
        """What is said beside a reading."""
        minutes = self.usual_pause // timedelta(minutes=1)
        return f"; pauses of {minutes} minutes are usual" if minutes else ""


async def rhythm_of(connection: AsyncConnection, model_name: str, last_minute: datetime) -> Rhythm:
    """The pauses of the day until a model's last prediction."""
    parameters = {"model_name": model_name, "since": last_minute - HISTORY, "last_minute": last_minute, "times": TIMES}
    row = (await connection.execute(PAUSES, parameters)).one()
    rank = TIMES if row.is_older else 1
    usual = row.longest[rank - 1] if len(row.longest) >= rank else timedelta(0)
    return Rhythm(row.is_older or last_minute - row.first_minute >= LEAST_HISTORY, usual)


async def paused_around(connection: AsyncConnection, model_name: str, start: datetime, end: datetime) -> bool:
    """Whether a model that had been asked the day before paused for as long then, or a little earlier or later."""
    edges = {"first": start - TOLERANCE, "until": end + TOLERANCE, "since_then": start, "until_now": end}
    return bool(await connection.scalar(PAUSED, {"model_name": model_name, **edges}))
