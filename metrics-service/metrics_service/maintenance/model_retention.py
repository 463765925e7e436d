"""The end of predictions of models that are kept less long than the rest; runs in the replica that leads.

Their days hold rows of other models as well, so they cannot be dropped: a walk, once a day, oldest first, through all
that may hold such rows, a few thousand at a time, and those that are to go are deleted. No index says where they are,
for every prediction would pay for it. What comes later than that (from a journal) goes on the next day.
Without Postgres: the error ends the walk; whoever leads then begins it anew.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import Counter as Metric
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.predictions.cursor import MICROSECOND
from metrics_service.predictions.row_days import RowDays
from shared.asyncio.clock import UtcNow

ROUND_SECONDS = 600
PAUSE_SECONDS = 0.02
"""After each step: at most half of one connection's time goes into a walk."""

AT_MOST = 5_000
"""Rows of all models that a step looks through, and of feedback that it deletes: some tens of milliseconds."""

NEXT = text(
    "SELECT max(created_at) FROM (SELECT created_at FROM predictions.prediction "
    "WHERE created_at > :after AND created_at < :before ORDER BY created_at LIMIT :at_most) AS next"
)
FORGET = text("SELECT model, predictions FROM predictions.forget(:models, :befores, :after, :until)")
FORGET_FEEDBACK = text(
    "DELETE FROM metrics.feedback WHERE prediction_id = ANY (ARRAY("
    "SELECT prediction_id FROM metrics.feedback WHERE predicted_at < :before AND model_name = :model LIMIT :at_most))"
)
UNKNOWN = text(
    "SELECT name FROM unnest(CAST(:models AS text[])) AS name "
    "WHERE name NOT IN (SELECT model_name FROM predictions.model)"
)

FORGOTTEN = Metric("metrics_predictions_forgotten", "Predictions deleted by MODEL_RETENTION_DAYS", ["model_name"])

log = structlog.get_logger()


@dataclass(slots=True)
class ModelRetention:
    """Deletes predictions, their shadows and the feedback on them once their model's days are over."""

    engine: AsyncEngine
    clock: UtcNow
    days: RowDays
    _walked: Mapping[str, datetime] = field(default_factory=dict, init=False)
    """What the last whole walk deleted: everything of a model that is older."""

    async def run(self) -> None:
        """A walk whenever another day of a model is over, for ever."""
        while True:
            await self.tidy()
            await asyncio.sleep(ROUND_SECONDS)

    async def tidy(self) -> None:
        """A walk, if there has been none today."""
        now = self.clock()
        befores = {model: self.days.oldest(now, model) for model in self.days.by_model}
        if befores == self._walked:
            return
        await self._warn_of_slips()
        forgotten = await self._walk(self.days.oldest(now) - MICROSECOND, befores)
        for model, before in befores.items():
            feedback = await self._forget_feedback(model, before)
            if forgotten[model] or feedback:
                log.info("predictions forgotten", model=model, predictions=forgotten[model], feedback=feedback)
        self._walked = befores

    async def _walk(self, after: datetime, befores: Mapping[str, datetime]) -> Counter[str]:
        """Step by step from a time on; how many predictions of each model went."""
        forgotten = Counter[str]()
        place: datetime | None = after
        while place is not None:
            async with self.engine.begin() as connection:
                place = await step(connection, place, befores, forgotten)
            await asyncio.sleep(PAUSE_SECONDS)
        for model, count in forgotten.items():
            FORGOTTEN.labels(model).inc(count)
        return forgotten

    async def _forget_feedback(self, model: str, before: datetime) -> int:
        """What was said of a model's predictions that are gone, on whatever way they went."""
        forgotten, gone = 0, AT_MOST
        while gone == AT_MOST:
            async with self.engine.begin() as connection:
                parameters = {"model": model, "before": before, "at_most": AT_MOST}
                gone = (await connection.execute(FORGET_FEEDBACK, parameters)).rowcount
            forgotten += gone
        return forgotten

    async def _warn_of_slips(self) -> None:
        """A name that is mistyped would have predictions kept for longer than somebody thinks."""
        async with self.engine.connect() as connection:
            for model in await connection.scalars(UNKNOWN, {"models": list(self.days.by_model)}):
                log.warning("MODEL_RETENTION_DAYS names a model that was never loaded", model=model)


async def step(
    connection: AsyncConnection, after: datetime, befores: Mapping[str, datetime], forgotten: Counter[str]
) -> datetime | None:
    """Looks through the next rows after a time, and adds what went; how far it came, or None: that was all."""
    window = {"after": after, "before": max(befores.values()), "at_most": AT_MOST}
    until: datetime | None = await connection.scalar(NEXT, window)
    if until is not None:
        asked = {"models": list(befores), "befores": list(befores.values()), "after": after, "until": until}
        for model, predictions in await connection.execute(FORGET, asked):
            forgotten[model] += predictions
    return until
