"""Compares what was predicted in a window with a reference window or with a pinned baseline."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.baselines.store import BaselineStore
from metrics_service.drift.comparison import worst
from metrics_service.reports.compared import compared
from metrics_service.windows.coverage import Coverage
from metrics_service.windows.distributions import distributions
from metrics_service.windows.rollups import Selection
from metrics_service.windows.shapes import Reference
from shared.contracts.drift import DriftQuery, DriftReport, DriftStatus

NOT_JUDGED = {"status": DriftStatus.NOT_ENOUGH_DATA, "p_value": None, "certainty": None, "detectable_psi": None}
OVERLAP = "the reference and the window overlap: predictions would be compared with themselves"


@dataclass(frozen=True, slots=True)
class DriftReporter:
    """Reports what has changed. Without Postgres: DatabaseUnavailable."""

    engine: AsyncEngine
    coverage: Coverage
    baselines: BaselineStore

    async def report(self, query: DriftQuery) -> DriftReport:
        """How what the predictions of the window have is distributed, against the reference."""
        window = self.coverage.of_rows(query.window_end, query.time_window_minutes)
        selection = Selection(window, query.task_type, query.model_name, query.model_version)
        current, reference = await asyncio.gather(
            distributions(self.engine, selection), self._reference(query, selection)
        )
        measures = await asyncio.to_thread(compared, reference.shapes, current)  # a second for 10,000 labels
        overlaps = reference.overlaps(window, query.model_version)
        if overlaps:
            measures = [measure.model_copy(update=NOT_JUDGED) for measure in measures]
        return DriftReport(
            status=worst(measure.status for measure in measures),
            measures=measures,
            sample_size=current.sample_size,
            reference_sample_size=reference.shapes.sample_size,
            versions=current.versions,
            reference_versions=reference.shapes.versions,
            task_type=query.task_type,
            model_name=query.model_name,
            model_version=query.model_version,
            reference_model_version=query.reference_model_version,
            baseline=query.baseline,
            time_window_start=window.start,
            time_window_end=window.end,
            reference_window_start=reference.start,
            reference_window_end=reference.end,
            not_judged_because=OVERLAP if overlaps else None,
        )

    async def _reference(self, query: DriftQuery, selection: Selection) -> Reference:
        """What to compare with. Raises UnknownBaseline, and InvalidRequest for a window that is not kept."""
        if query.baseline is not None and query.model_name is not None:
            return await self.baselines.find(query.model_name, query.baseline, query.model_version)
        minutes = query.reference_window_minutes or query.time_window_minutes
        window = self.coverage.of_rows(
            query.reference_window_end or selection.window.start, minutes, "reference_window_end"
        )
        version = query.reference_model_version or query.model_version
        shapes = await distributions(self.engine, Selection(window, query.task_type, query.model_name, version))
        return Reference(shapes, window.start, window.end, version)
