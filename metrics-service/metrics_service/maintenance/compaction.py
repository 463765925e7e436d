"""Makes one rollup row of those that several writers left in a bucket that is over; runs in the replica that leads.

Without it every number would still be right, at a cost that grows with how many predictions were written at once.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.asyncio.clock import UtcNow

SETTLED = timedelta(minutes=1)
"""Predictions come this late at most, as a rule; what comes later is merged in a later round."""

ROUND_SECONDS = 5.0
AT_MOST = 200
"""Rows per writer, and statements whose inputs are counted, per transaction: some tens of milliseconds."""

KEYS_AT_MOST = 5_000
"""Statements whose keys are counted per transaction: as many milliseconds."""

COMPACT = text(
    "SELECT metrics.fold_writers(:ended_before, :at_most) + metrics.count_inputs(:at_most)"
    " + metrics.count_keys(:keys_at_most)"
)


@dataclass(frozen=True, slots=True)
class Compaction:
    """Merges rows while there are any to merge. Without Postgres: the error ends the run."""

    engine: AsyncEngine
    clock: UtcNow

    async def run(self) -> None:
        """Goes on for ever; pauses when nothing is left."""
        while True:
            if not await self.compact():
                await asyncio.sleep(ROUND_SECONDS)

    async def compact(self) -> int:
        """One step; how many rows went into others, and how many statements' inputs and keys were counted."""
        async with self.engine.begin() as connection:
            parameters = {"ended_before": self.clock() - SETTLED, "at_most": AT_MOST, "keys_at_most": KEYS_AT_MOST}
            return await connection.scalar(COMPACT, parameters) or 0
