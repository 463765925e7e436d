"""Threshold profiles in Postgres: a model's own, or else the default one, or else the built-in defaults.

Without Postgres: DatabaseUnavailable; nothing is changed by halves, and no change goes without its line in the audit
trail.
"""

from dataclasses import asdict

from sqlalchemy import RowMapping, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.audit.trail import ChangedBy
from metrics_service.database import autocommit, transaction
from metrics_service.thresholds.changes import AuditedChange, ThresholdChange
from shared.contracts.problem import FieldError
from shared.contracts.thresholds import OF_VALUES, ThresholdProfile, Thresholds
from shared.database import locks
from shared.database.tables.metrics import DEFAULT_PROFILE, threshold_change, threshold_profile
from shared.http.problems import InvalidRequest, Problem


class NoProfile(Problem):
    """The model has no thresholds of its own."""

    status = 404
    type = "urn:problem-type:no-threshold-profile"
    title = "No Threshold Profile"


class ThresholdStore:
    """Reads and changes profiles."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, model_name: str | None) -> ThresholdProfile:
        """The profile that holds for `model_name` (None: for questions about all models)."""
        async with autocommit(self._engine) as connection:
            return await effective_profile(connection, model_name)

    async def change(self, model_name: str | None, change: ThresholdChange, changed_by: ChangedBy) -> ThresholdProfile:
        """Applies `change` to the profile that holds now and stores it as the model's own, one version on.

        What changes nothing is no new version. Raises InvalidRequest when the whole would make no sense.
        """
        if model_name is None and (of_values := [name for name in OF_VALUES if change.named().get(name) is not None]):
            message = "is of one model: name it in model_name, for models have different units"
            raise InvalidRequest([FieldError(location=f"body.{name}", message=message) for name in of_values])
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(locks.THRESHOLD_CHANGE)))
            before = await effective_profile(connection, model_name)
            after = change.applied_to(before)
            is_own = before.version > 0 and before.model_name == model_name
            if not change.named() or (is_own and after == plain(before)):
                return before
            stored = await store(connection, model_name, after, await last_version(connection, model_name) + 1)
            await audit(connection, before, stored, changed_by)
            return stored

    async def remove(self, model_name: str, changed_by: ChangedBy) -> None:
        """Forgets a model's own profile, so that the default one holds. Raises NoProfile when it has none."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(locks.THRESHOLD_CHANGE)))
            own = threshold_profile.c.model_name == model_name
            row = (
                await connection.execute(delete(threshold_profile).where(own).returning(threshold_profile))
            ).mappings()
            if (removed := row.one_or_none()) is None:
                raise NoProfile(f"Model {model_name!r} has no thresholds of its own; the default ones hold.")
            await audit(connection, profile_of(removed), None, changed_by)

    async def changes(self, model_name: str | None, limit: int) -> list[AuditedChange]:
        """The newest changes of a model's own profile, or of the default one."""
        query = (
            select(threshold_change)
            .where(threshold_change.c.model_name == (model_name or DEFAULT_PROFILE))
            .order_by(threshold_change.c.change_id.desc())
            .limit(limit)
        )
        async with autocommit(self._engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [AuditedChange(**{**row, "model_name": row["model_name"] or None}) for row in rows]


async def last_version(connection: AsyncConnection, model_name: str | None) -> int:
    """The newest version there was of a profile: one that was removed comes back with a higher one."""
    query = select(func.max(threshold_change.c.version)).where(
        threshold_change.c.model_name == (model_name or DEFAULT_PROFILE)
    )
    return await connection.scalar(query) or 0


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
    values = {
        **{name: getattr(thresholds, name) for name in Thresholds.model_fields},
        "version": version,
        "updated_at": func.now(),
    }
    statement = (
        upsert(threshold_profile)
        .values(model_name=model_name or DEFAULT_PROFILE, **values)
        .on_conflict_do_update(index_elements=["model_name"], set_=values)
        .returning(threshold_profile)
    )
    return profile_of((await connection.execute(statement)).mappings().one())


async def audit(
    connection: AsyncConnection, before: ThresholdProfile, after: ThresholdProfile | None, changed_by: ChangedBy
) -> None:
    """One line of the audit trail, in the transaction of the change; `after` None: the profile was removed."""
    of = after or before
    await connection.execute(
        insert(threshold_change).values(
            model_name=of.model_name or DEFAULT_PROFILE,
            version=of.version + (after is None),
            before=plain(before).model_dump(),
            after=plain(after).model_dump() if after else None,
            **asdict(changed_by),
        )
    )


def plain(profile: ThresholdProfile) -> Thresholds:
    """The thresholds of a profile, without whose they are."""
    return Thresholds(**profile.model_dump(include=set(Thresholds.model_fields)))


def profile_of(row: RowMapping) -> ThresholdProfile:
    """A stored row as the contract has it."""
    return ThresholdProfile(**{**row, "model_name": row["model_name"] or None})
