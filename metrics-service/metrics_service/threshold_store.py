"""Threshold profiles in Postgres: a model's own, or else the default one, or else the built-in defaults.

Postgres away: DatabaseAway; nothing is changed by halves.
"""

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.database import changing, reading
from metrics_service.thresholds import ThresholdChange
from shared.contracts.metrics import ThresholdProfile, Thresholds
from shared.database.tables.metrics import DEFAULT_PROFILE, threshold_profile

CHANGE_LOCK = 4_703_118_282
"""Key of the advisory lock under which profiles change, one after the other; they change rarely."""


class ThresholdStore:
    """Reads and changes profiles."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def get(self, model_name: str | None) -> ThresholdProfile:
        """The profile that holds for `model_name` (None: for questions about all models)."""
        async with reading(self.engine) as connection:
            return await effective_profile(connection, model_name)

    async def change(self, model_name: str | None, change: ThresholdChange) -> ThresholdProfile:
        """Applies `change` to the profile that holds now and stores it as the model's own, one version on.

        What changes nothing is no new version. Raises InvalidRequest when the whole would make no sense.
        """
        async with changing(self.engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(CHANGE_LOCK)))
            before = await effective_profile(connection, model_name)
            after = change.applied_to(before)
            is_own = before.version > 0 and before.model_name == model_name
            if not change.named() or (is_own and after == plain(before)):
                return before
            return await store(connection, model_name, after, version=before.version + 1 if is_own else 1)


async def effective_profile(connection: AsyncConnection, model_name: str | None) -> ThresholdProfile:
    """A model's own profile before the default one."""
    names = [model_name or DEFAULT_PROFILE, DEFAULT_PROFILE]
    own_first = threshold_profile.c.model_name.desc()
    query = select(threshold_profile).where(threshold_profile.c.model_name.in_(names)).order_by(own_first).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return profile_of(row) if row else ThresholdProfile()


async def store(
    connection: AsyncConnection, model_name: str | None, thresholds: Thresholds, version: int
) -> ThresholdProfile:
    """Writes a model's own profile."""
    values = {**thresholds.model_dump(), "version": version, "updated_at": func.now()}
    statement = (
        insert(threshold_profile)
        .values(model_name=model_name or DEFAULT_PROFILE, **values)
        .on_conflict_do_update(index_elements=["model_name"], set_=values)
        .returning(threshold_profile)
    )
    return profile_of((await connection.execute(statement)).mappings().one())


def plain(profile: ThresholdProfile) -> Thresholds:
    """The thresholds of a profile, without whose they are."""
    return Thresholds(**profile.model_dump(include=set(Thresholds.model_fields)))


def profile_of(row: RowMapping) -> ThresholdProfile:
    """A stored row as the contract has it."""
    return ThresholdProfile(**{**row, "model_name": row["model_name"] or None})
