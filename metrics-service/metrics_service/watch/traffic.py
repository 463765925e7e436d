"""Whether a model that was asked all the time, or in a rhythm, is no longer asked.

Of the two hours before its last prediction it is counted in how many minutes somebody asked. If that went on, so many
minutes without anybody would come by chance once in a thousand days; beyond that the traffic has stopped, unless such
pauses are usual (`rhythm`) or there was one at this time yesterday or a week ago. A model that is asked now and then is
not judged: nothing is wrong with its traffic, whatever there was before it was asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, log

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import DateTime, Interval, Text

from metrics_service.alerts.alert import Signal
from metrics_service.alerts.rules import Reading
from metrics_service.database import autocommit
from metrics_service.sql import statement
from metrics_service.thresholds.judge import Limit, Limits
from metrics_service.watch.pauses import Rhythm, paused_around, rhythm_of

BASIS = timedelta(hours=2)
"""The time before the last prediction that says how often a model is asked."""

LONGEST_QUIET = timedelta(hours=6)
"""After so long without a prediction nothing more is read: an alert stays as it is until the model counts as unused, or
is asked again. Where it is not judged, this is how long it may be quiet."""

LEAST_ACTIVE_MINUTES = 30
"""Of two hours; a model that is asked less often has no traffic that could stop."""

CHANCE = 1e-6
"""Of a minute after which chance alone makes it quiet for as long as the limit: one in about 700 days."""

CRITICAL_TIMES = 4
"""How many times the limit is critical."""

HOUR = timedelta(hours=1)
"""By so much the hours of a place move, in either direction, where its clocks are changed for summer."""

EARLIER = [days + moved for days in (timedelta(days=1), timedelta(days=7)) for moved in (timedelta(0), HOUR, -HOUR)]
"""When it was as quiet then, it is the hour and no trouble."""

ACTIVITY = statement(
    "activity",
    bindparam("model_name", type_=Text),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("basis", type_=Interval),
)


@dataclass(frozen=True, slots=True)
class Activity:
    """How often a model was asked until its last prediction."""

    last_minute: datetime
    active_minutes: int
    first_minute: datetime

    def quiet(self, now: datetime) -> timedelta:
        """For how long nobody has asked; a minute that has begun counts as asked."""
        return max(now - self.last_minute - timedelta(minutes=1), timedelta(0))

    def limit_minutes(self, least: int) -> int | None:
        """Minutes without anybody that chance does not explain, at least `least`; None: it is asked too seldom."""
        if self.active_minutes < LEAST_ACTIVE_MINUTES:
            return None
        span = (self.last_minute - self.first_minute) // timedelta(minutes=1) + 1
        idle_share = 1 - self.active_minutes / (span + 1)
        return max(ceil(log(CHANCE) / log(idle_share)), least)

    def reading(self, quiet: timedelta, limit: int, more: str = "") -> Reading:
        """For how long nobody has asked, against the minutes that are no trouble."""
        return Reading(
            Signal.TRAFFIC,
            quiet / timedelta(minutes=1),
            Limits(Limit("quiet_minutes", limit), Limit("quiet_minutes_critical", CRITICAL_TIMES * limit)),
            about=f"it was asked in {self.active_minutes} of the minutes of the two hours before{more}",
        )


async def traffic_readings(engine: AsyncEngine, model_name: str, now: datetime, least: int) -> Sequence[Reading]:
    """At most one: for how long a model has not been asked, against how long that may be."""
    since = now - LONGEST_QUIET - BASIS
    async with autocommit(engine) as connection:
        parameters = {"model_name": model_name, "since": since, "now": now, "basis": BASIS}
        row = (await connection.execute(ACTIVITY, parameters)).one_or_none()
        if row is None:
            return []
        activity = Activity(row.last_minute, row.active_minutes, row.first_minute)
        limit, quiet = activity.limit_minutes(least), activity.quiet(now)
        if quiet > LONGEST_QUIET:
            return []
        if limit is None:
            return [activity.reading(quiet, LONGEST_QUIET // timedelta(minutes=1))]
        rhythm = Rhythm()
        if quiet > timedelta(minutes=limit):
            rhythm = await rhythm_of(connection, model_name, activity.last_minute)
            if not rhythm.is_known:
                return []
            limit = max(limit, rhythm.limit_minutes)
        if quiet > timedelta(minutes=limit) and await is_the_hour(connection, model_name, now, quiet):
            quiet = timedelta(0)
    return [activity.reading(quiet, limit, rhythm.words)]


async def is_the_hour(connection: AsyncConnection, model_name: str, now: datetime, quiet: timedelta) -> bool:
    """Whether it was as quiet at this time yesterday or a week ago, by the clock of a place that may have moved it."""
    for earlier in EARLIER:
        if await paused_around(connection, model_name, now - quiet - earlier, now - earlier):
            return True
    return False
