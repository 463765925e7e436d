"""What the guards of canaries have seen, and how those ended."""

from dataclasses import dataclass

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import autocommit
from metrics_service.guards.store import LISTED, MAX_LISTED
from shared.contracts.guards import RolloutReading, RolloutState

ENDS = {"rollback": RolloutState.ROLLED_BACK, "promote": RolloutState.PROMOTED}


@dataclass(frozen=True, slots=True)
class RolloutReporter:
    """Reports on canaries. Without Postgres: DatabaseUnavailable."""

    engine: AsyncEngine

    async def report(self, model_name: str | None) -> list[RolloutReading]:
        """The last canary of every model, or of one, those looked at last first."""
        async with autocommit(self.engine) as connection:
            rows = (await connection.execute(LISTED, {"model_name": model_name, "most": MAX_LISTED})).mappings().all()
        return [reading_of(row) for row in rows]


def reading_of(row: RowMapping) -> RolloutReading:
    """A row as clients see it."""
    return RolloutReading(
        model_name=row["model_name"],
        stable_version=row["stable_version"],
        candidate_version=row["candidate_version"],
        started_at=row["started_at"],
        looked_at=row["looked_at"],
        state=RolloutState.ON if row["is_on"] else ENDS.get(row["action"], RolloutState.CHANGED),
        ended_by=None if row["is_on"] else row["actor"],
        ended_at=None if row["is_on"] else row["ended_at"],
        reason=None if row["is_on"] else row["reason"],
        guards=row["readings"],
    )
