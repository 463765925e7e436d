"""Counts what statements have written of predictions, of their inputs and of keys; runs in the replica that leads.

Without it every number would still be right, at a cost that grows with how many statements there were.
"""

import asyncio
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

ROUND_SECONDS = 2.0
BUSY_SECONDS = 0.2
"""The pause where there is much to count: what is not counted yet is read row by row by every question."""

MUCH = 100
"""Rows of a step from which on the next one follows soon. Most of what a step costs is what it costs for one row, so a
step of fewer rows would cost more for each than it saves the questions."""

AT_MOST = 1_000
INPUTS_AT_MOST = 200
KEYS_AT_MOST = 5_000
"""Rows that a step counts of each kind: some tens of milliseconds, and milliseconds for keys."""

COMPACT = text(
    "SELECT metrics.count_predictions(:predictions), metrics.count_inputs(:inputs), metrics.count_keys(:keys)"
).bindparams(predictions=AT_MOST, inputs=INPUTS_AT_MOST, keys=KEYS_AT_MOST)


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows were counted, each of one statement."""

    predictions: int
    inputs: int
    keys: int

    @property
    def pause(self) -> float:
        """Seconds until the next step: none where this one has left something."""
        if self.predictions >= AT_MOST or self.inputs >= INPUTS_AT_MOST or self.keys >= KEYS_AT_MOST:
            return 0.0
        return BUSY_SECONDS if self.predictions + self.inputs + self.keys >= MUCH else ROUND_SECONDS


@dataclass(frozen=True, slots=True)
class Compaction:
    """Counts step by step. Without Postgres: the error ends the run."""

    engine: AsyncEngine

    async def run(self) -> None:
        """Goes on for ever."""
        while True:
            step = await self._step()
            await asyncio.sleep(step.pause)

    async def compact(self) -> int:
        """One step; how many rows were counted. 0 may mean that somebody else counts at the moment."""
        step = await self._step()
        return step.predictions + step.inputs + step.keys

    async def _step(self) -> Step:
        async with self.engine.begin() as connection:
            predictions, inputs, keys = (await connection.execute(COMPACT)).one()
        return Step(predictions, inputs, keys)
