"""Pinned baselines in Postgres. What is pinned stays as it was, however long ago its predictions were dropped.

Without Postgres: DatabaseUnavailable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError
from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.audit.trail import ChangedBy, Subject, note
from metrics_service.baselines.contracts import LEAST_WATCHED, MAX_BASELINES, Baseline, PinBaseline
from metrics_service.database import autocommit, transaction
from metrics_service.sql import statement
from metrics_service.windows.shapes import Reference, Shapes, as_baseline, from_baseline
from shared.contracts.baseline import ModelBaseline
from shared.contracts.names import MODEL_BASELINE
from shared.contracts.problem import FieldError
from shared.database.tables.metrics import baseline
from shared.http.problems import InvalidRequest, Problem

OF_FOLDER = statement("baseline_of_folder")
"""The figures that a model's folder brought: of a version that is loaded now before others, of the newest."""


class UnknownBaseline(Problem):
    """The model has no baseline of that name."""

    status = 404
    type = "urn:problem-type:unknown-baseline"
    title = "Unknown Baseline"


@dataclass(frozen=True, slots=True)
class BaselineStore:
    """Finds, pins and removes baselines."""

    engine: AsyncEngine

    async def find(self, model_name: str, name: str, model_version: str | None = None) -> Reference:
        """What is pinned under a name; `model`: the figures of the model's folder. Raises UnknownBaseline."""
        if name == MODEL_BASELINE:
            _, shapes = await self.of_folder(model_name, model_version)
            return Reference(shapes)
        query = select(baseline).where(baseline.c.model_name == model_name, baseline.c.name == name)
        async with autocommit(self.engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise UnknownBaseline(f"Model {model_name!r} has no baseline {name!r}.")
        return Reference(shapes_of(row), row["window_start"], row["window_end"], row["model_version"])

    async def of_folder(self, model_name: str, model_version: str | None) -> tuple[str, Shapes]:
        """Version and figures from the model's own folder. Raises UnknownBaseline, with what is wrong with them."""
        parameters = {"model_name": model_name, "model_version": model_version}
        async with autocommit(self.engine) as connection:
            row = (await connection.execute(OF_FOLDER, parameters)).one_or_none()
        if row is None:
            raise UnknownBaseline(f"No folder of model {model_name!r} brings a baseline.json.")
        try:
            return row.model_version, from_baseline(ModelBaseline.model_validate(row.baseline))
        except (ValidationError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UnknownBaseline(
                f"baseline.json of {model_name} {row.model_version} is of no use: {reason}"
            ) from error

    async def pin(
        self, model_name: str, name: str, asked: PinBaseline, reference: Reference, changed_by: ChangedBy
    ) -> Baseline:
        """Stores a reference under a name, in place of what was there. Raises InvalidRequest when nothing is in it."""
        check_size(reference.shapes.sample_size, asked)
        values = {
            "source": asked.source,
            "model_version": asked.model_version,
            "window_start": reference.start,
            "window_end": reference.end,
            "counts": {
                **as_baseline(reference.shapes).model_dump(),
                "versions": reference.shapes.versions,
            },
            "watched": asked.watched,
            "pinned_at": func.now(),
        }
        async with transaction(self.engine) as connection:
            await check_room(connection, model_name, name)
            statement = upsert(baseline).values(model_name=model_name, name=name, **values)
            statement = statement.on_conflict_do_update(index_elements=["model_name", "name"], set_=values)
            row = (await connection.execute(statement.returning(baseline))).mappings().one()
            pinned = contract_of(row)
            detail = pinned.model_dump(mode="json", exclude={"model_name", "pinned_at"})
            await note(connection, Subject.BASELINE, "pinned", model_name, detail, changed_by)
            return pinned

    async def remove(self, model_name: str, name: str, changed_by: ChangedBy) -> None:
        """Forgets a baseline. Raises UnknownBaseline."""
        async with transaction(self.engine) as connection:
            statement = delete(baseline).where(baseline.c.model_name == model_name, baseline.c.name == name)
            if not (await connection.execute(statement)).rowcount:
                raise UnknownBaseline(f"Model {model_name!r} has no baseline {name!r}.")
            await note(connection, Subject.BASELINE, "removed", model_name, {"name": name}, changed_by)

    async def list(self, model_name: str) -> Sequence[Baseline]:
        """The baselines of a model, by name."""
        query = select(baseline).where(baseline.c.model_name == model_name).order_by(baseline.c.name)
        async with autocommit(self.engine) as connection:
            return [contract_of(row) for row in (await connection.execute(query)).mappings()]

    async def watched(self, model_name: str) -> Sequence[str]:
        """The names of those whose drift is an alert."""
        query = select(baseline.c.name).where(baseline.c.model_name == model_name, baseline.c.watched)
        async with autocommit(self.engine) as connection:
            return (await connection.scalars(query.order_by(baseline.c.name))).all()


def check_size(predictions: int, asked: PinBaseline) -> None:
    """Raises InvalidRequest for a baseline of nothing, and for a watched one from which no drift could be told."""
    if not predictions:
        message = "there are no predictions in this window; a baseline needs some"
        raise InvalidRequest([FieldError(location="body", message=message)])
    if asked.watched and predictions < LEAST_WATCHED:
        message = (
            f"drift is told from {LEAST_WATCHED} predictions at least, it has {predictions}: pin more, or unwatched"
        )
        raise InvalidRequest([FieldError(location="body.watched", message=message)])


async def check_room(connection: AsyncConnection, model_name: str, name: str) -> None:
    """Raises InvalidRequest when one more would be too many."""
    others = select(func.count()).where(baseline.c.model_name == model_name, baseline.c.name != name)
    if (await connection.scalar(others) or 0) >= MAX_BASELINES:
        message = f"model {model_name} has {MAX_BASELINES} baselines; remove one first"
        raise InvalidRequest([FieldError(location="path.name", message=message)])


def shapes_of(row: RowMapping) -> Shapes:
    """What is stored, in bins."""
    stored = from_baseline(ModelBaseline.model_validate(row["counts"]))
    return replace(stored, versions=row["counts"].get("versions", {}))


def contract_of(row: RowMapping) -> Baseline:
    """A row as clients see it."""
    return Baseline(
        model_name=row["model_name"],
        name=row["name"],
        source=row["source"],
        model_version=row["model_version"],
        sample_size=shapes_of(row).sample_size,
        time_window_start=row["window_start"],
        time_window_end=row["window_end"],
        watched=row["watched"],
        pinned_at=row["pinned_at"],
    )
