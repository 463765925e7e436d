"""Partitions for the days to come, and the end of what is older than it may get.

Raw rows go by whole days, rollups and the rest by small deletes. Nothing here makes a writer wait: see the functions in
migration 0004. What cannot be done now (somebody reads just that day) is done in the next round.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.asyncio.clock import UtcNow
from shared.database import rollup_widths

DAYS_AHEAD = 3
"""Partitions that are ready before their day begins; enough for a weekend without the metrics-service."""

ROUND_SECONDS = 600
DROP_PAUSE_SECONDS = 0.05
LOCK_NOT_AVAILABLE = "55P03"

DELIVERY_DAYS = 7
"""What could not be delivered for so long is no longer news."""

OLD_ROLLUPS = [
    text(f"DELETE FROM metrics.{table} WHERE minutes IN :widths AND bucket < :before").bindparams(  # noqa: S608
        bindparam("widths", rollup_widths.FINE, expanding=True)
    )
    for table in ("rollup_counted", "value_rollup_counted", "label_rollup_counted", "error_rollup", "input_rollup")
]
HOURS_OF_KEYS, DAYS_OF_KEYS = timedelta(days=40), timedelta(days=400)
"""Of keys hours are kept for less long than days: there may be many. More than a year can be billed from."""

OLD_KEYS = text("DELETE FROM metrics.key_rollup WHERE minutes = :minutes AND bucket < :before")
OLD_FEEDBACK = text("DELETE FROM metrics.feedback WHERE predicted_at < :before")
OLD_ALERTS = text("DELETE FROM metrics.alert WHERE closed_at < :before")
OLD_SILENCES = text("DELETE FROM metrics.silence WHERE until < :before")
OLD_RESPONSES = text("SELECT predictions.forget_responses(:at_most)")
OLD_RESPONSES_AT_ONCE = 2_000
"""Per transaction: some tens of milliseconds."""

OLD_DELIVERIES = text("DELETE FROM metrics.alert_delivery WHERE created_at < :before RETURNING delivered_at")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retention:
    """Keeps raw rows for `row_days` and fine rollups for `rollup_days`; rollups of hours and days stay."""

    engine: AsyncEngine
    clock: UtcNow
    row_days: int
    rollup_days: int
    drop_attempts: int = 100

    async def run(self) -> None:
        """A round every ten minutes, for ever."""
        while True:
            await self.tidy()
            await asyncio.sleep(ROUND_SECONDS)

    async def tidy(self) -> None:
        """One round."""
        today = self.clock().astimezone(UTC).date()
        await self._make_days(today)
        await self._drop_days(today - timedelta(days=self.row_days))
        await self._drop_shadows(today - timedelta(days=self.row_days))
        await self._forget(today)
        await self._forget_responses()

    async def _forget(self, today: date) -> None:
        """Deletes what is small and old enough."""
        async with self.engine.begin() as connection:
            for old in (*OLD_ROLLUPS, OLD_FEEDBACK, OLD_ALERTS, OLD_SILENCES):
                await connection.execute(old, {"before": midnight(today - timedelta(days=self.rollup_days))})
            for minutes, kept in ((rollup_widths.HOUR, HOURS_OF_KEYS), (rollup_widths.DAY, DAYS_OF_KEYS)):
                await connection.execute(OLD_KEYS, {"minutes": minutes, "before": midnight(today - kept)})
            gone = await connection.scalars(OLD_DELIVERIES, {"before": midnight(today - timedelta(days=DELIVERY_DAYS))})
            if undelivered := sum(delivered_at is None for delivered_at in gone):
                log.error("alert events given up", count=undelivered)

    async def _forget_responses(self) -> None:
        """Deletes those that no caller may come back for any more; see migration 0014."""
        gone = OLD_RESPONSES_AT_ONCE
        while gone == OLD_RESPONSES_AT_ONCE:
            async with self.engine.begin() as connection:
                gone = await connection.scalar(OLD_RESPONSES, {"at_most": OLD_RESPONSES_AT_ONCE})

    async def _make_days(self, today: date) -> None:
        """Partitions from today on."""
        for ahead in range(DAYS_AHEAD + 1):
            await self._attempt("make_day", today + timedelta(days=ahead))
            await self._attempt("make_shadow_day", today + timedelta(days=ahead))

    async def _drop_days(self, cutoff: date) -> None:
        """Frees the space of every day before `cutoff`, then removes its partition when that disturbs nobody."""
        await self._attempt("empty_default", cutoff)
        async with self.engine.connect() as connection:
            days = (await connection.scalars(text("SELECT predictions.days_before(:cutoff)"), {"cutoff": cutoff})).all()
        for day in days:
            if await self._attempt("empty_day", day) and await self._drop_when_free(day):
                log.info("day dropped", day=str(day))

    async def _drop_shadows(self, cutoff: date) -> None:
        """What candidates said in the shadow goes with the predictions; see migration 0016."""
        await self._attempt("empty_shadow_default", cutoff)
        query = text("SELECT predictions.shadow_days_before(:cutoff)")
        async with self.engine.connect() as connection:
            days = (await connection.scalars(query, {"cutoff": cutoff})).all()
        for day in days:
            await self._drop_when_free(day, "drop_shadow_day")

    async def _drop_when_free(self, day: date, drop: str = "drop_day") -> bool:
        """Tries for a few seconds to meet a moment in which nobody uses the table."""
        for _ in range(self.drop_attempts):
            if await self._attempt(drop, day):
                return True
            await asyncio.sleep(DROP_PAUSE_SECONDS)
        return False

    async def _attempt(self, function: str, day: date) -> bool:
        """Calls a function of migration 0004; False when a lock was not free."""
        try:
            async with self.engine.begin() as connection:
                await connection.execute(text(f"SELECT predictions.{function}(:day)"), {"day": day})
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            return False
        return True


def midnight(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
