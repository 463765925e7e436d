"""The alert of a candidate that guards have rolled back: open until somebody changes the policy, for a day at most."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.alert import Signal
from metrics_service.alerts.rules import Reading
from metrics_service.database import autocommit
from metrics_service.guards.budget import needed
from metrics_service.guards.store import LISTED
from metrics_service.thresholds.judge import Limit, Limits
from shared.contracts.guards import GuardName
from shared.contracts.thresholds import Status

FRESH = timedelta(days=1)
"""How long it is news."""


async def rollback_readings(engine: AsyncEngine, model_name: str, now: datetime) -> Sequence[Reading]:
    """At most one; of a model whose canaries guards never looked at none."""
    async with autocommit(engine) as connection:
        row = (await connection.execute(LISTED, {"model_name": model_name, "most": 1})).mappings().one_or_none()
    return [] if row is None else [rollback_reading(row, now)]


def rollback_reading(row: RowMapping, now: datetime) -> Reading:
    """What speaks against the candidate, if it was rolled back for that and nobody has done anything since."""
    guard = GuardName(row["condemned_by"] or GuardName.ERROR_RATE)
    limit = Limit(f"guard_{guard.value}", needed(guard))
    is_news = row["action"] == "rollback" and row["actor"] == "guard" and row["is_last_change"]
    is_told = is_news and now < row["ended_at"] + FRESH
    return Reading(
        Signal.ROLLOUT,
        e_value_of(row["readings"], guard) if is_told else 0.0,
        Limits(limit, limit),
        about=about(row) if is_told else "",
        worst=Status.WARNING,
        cools=False,
    )


def e_value_of(readings: Sequence[dict[str, Any]], guard: GuardName) -> float:
    """What the guard had seen at the last look."""
    return next((float(one["e_value"]) for one in readings if one["guard"] == guard), needed(guard))


def about(row: RowMapping) -> str:
    """`version 2.0.0 was rolled back to 1.0.0: error_rate: 21 of 190 …`."""
    return f"version {row['candidate_version']} was rolled back to {row['stable_version']}: {row['reason']}"
