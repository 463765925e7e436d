"""Which models there are: loaded by a prediction-service now, or on record with predictions.

Without Postgres: DatabaseUnavailable.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import autocommit
from metrics_service.sql import statement
from shared.http.problems import Problem

LOADED_SECONDS = 60
"""A version is loaded while a prediction-service has said so within this time; each says so every ten seconds."""

FRESH_SECONDS = 60.0
"""How long a name that was there is believed to be there still. One that was not is looked for anew each time."""

SHOWN = 20
"""Names that an error lists."""

LISTED = statement("model_list")


class UnknownModel(Problem):
    """No model, version or task of this name is loaded or on record."""

    status = 404
    type = "urn:problem-type:unknown-model"
    title = "Unknown Model"


@dataclass(frozen=True, slots=True)
class Listing:
    """Name, version and task of everything there is."""

    triples: frozenset[tuple[str, str, str]] = frozenset()

    def check(self, name: str | None, version: str | None, task: str | None) -> None:
        """Raises UnknownModel unless something has all that is named; says what there is instead."""
        names = {listed_name for listed_name, _, _ in self.triples}
        if name is not None and name not in names:
            raise UnknownModel(f"No model is called {name!r}. {listed('Known models', names)}")
        of_model = [triple for triple in self.triples if name in (None, triple[0])]
        versions = {listed_version for _, listed_version, _ in of_model}
        if version is not None and version not in versions:
            whose = f"of model {name!r} " if name else ""
            raise UnknownModel(f"No version {whose}is {version!r}. {listed('Known versions', versions)}")
        tasks = {listed_task for _, of_version, listed_task in of_model if version in (None, of_version)}
        if task is not None and task not in tasks:
            who = f"Model {name!r} does not do" if name else "No model does"
            raise UnknownModel(f"{who} {task!r}. {listed('Known tasks', tasks)}")


def listed(what: str, names: Iterable[str]) -> str:
    """The names that there are, shortened."""
    ordered = sorted(names)
    if not ordered:
        return f"{what}: none yet."
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return f"{what}: {', '.join(ordered[:SHOWN])}{more}."


@dataclass(slots=True)
class ModelCatalogue:
    """Remembers which models there are. Only `_read` changes what it remembers."""

    engine: AsyncEngine
    _listing: Listing = field(default_factory=Listing)
    _read_at: float = -FRESH_SECONDS

    async def check(self, name: str | None, version: str | None = None, task: str | None = None) -> None:
        """Raises UnknownModel when what is named is neither loaded nor on record; naming nothing is always right."""
        if name is None and version is None and task is None:
            return
        if not self._has(name, version, task):
            await self._read()  # it may have been loaded, or have predicted for the first time, since the last time
            self._listing.check(name, version, task)

    def _has(self, name: str | None, version: str | None, task: str | None) -> bool:
        """Whether it was there not long ago."""
        if monotonic() - self._read_at >= FRESH_SECONDS:
            return False
        try:
            self._listing.check(name, version, task)
        except UnknownModel:
            return False
        return True

    async def _read(self) -> None:
        async with autocommit(self.engine) as connection:
            rows = await connection.execute(LISTED, {"loaded_seconds": LOADED_SECONDS})
            self._listing = Listing(frozenset((row.model_name, row.model_version, row.task_type) for row in rows))
        self._read_at = monotonic()
