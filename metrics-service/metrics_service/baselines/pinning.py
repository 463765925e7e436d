"""Pins what a person points at: a window's predictions, or the figures of a model's folder."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import ChangedBy
from metrics_service.baselines.contracts import Baseline, PinBaseline
from metrics_service.baselines.store import BaselineStore
from metrics_service.windows.coverage import Coverage
from metrics_service.windows.distributions import distributions
from metrics_service.windows.rollups import Selection
from metrics_service.windows.shapes import Reference
from shared.contracts.names import MODEL_BASELINE
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest


@dataclass(frozen=True, slots=True)
class Pinning:
    """Looks up what is to be pinned and stores it. Without Postgres: DatabaseUnavailable, and nothing is changed."""

    engine: AsyncEngine
    coverage: Coverage
    store: BaselineStore

    async def pin(self, model_name: str, name: str, asked: PinBaseline, changed_by: ChangedBy) -> Baseline:
        """Raises InvalidRequest for the reserved name and for a window without predictions, and UnknownBaseline."""
        if name == MODEL_BASELINE:
            message = f"{MODEL_BASELINE!r} is the name of what the model's own folder brings"
            raise InvalidRequest([FieldError(location="query.name", message=message)])
        if asked.source == "window":
            reference = await self._of_window(model_name, asked)
        else:
            version, shapes = await self.store.of_folder(model_name, asked.model_version)
            asked = asked.model_copy(update={"model_version": version})
            reference = Reference(shapes)
        return await self.store.pin(model_name, name, asked, reference, changed_by)

    async def _of_window(self, model_name: str, asked: PinBaseline) -> Reference:
        """The predictions of the window that is asked for."""
        window = self.coverage.of_rows(asked.window_end, asked.time_window_minutes)
        selection = Selection(window, model_name=model_name, model_version=asked.model_version)
        return Reference(await distributions(self.engine, selection), window.start, window.end)
