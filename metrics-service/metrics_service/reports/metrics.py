"""What is reported of a window: its numbers, and what the thresholds in force say about them."""

from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.thresholds.judge import judge
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.windows import aggregates
from metrics_service.windows.aggregates import Aggregates
from metrics_service.windows.coverage import Coverage
from metrics_service.windows.rollups import Selection
from metrics_service.windows.timeseries import timeseries, whole, width_for
from shared.contracts.aggregates import AggregatedMetrics, MetricsQuery, VersionMetrics
from shared.contracts.thresholds import Thresholds
from shared.contracts.timeseries import Timeseries, TimeseriesQuery


@dataclass(frozen=True, slots=True)
class MetricsReporter:
    """Reports on windows. Without Postgres: DatabaseUnavailable."""

    engine: AsyncEngine
    thresholds: ThresholdStore
    coverage: Coverage

    async def report(self, query: MetricsQuery) -> AggregatedMetrics:
        """Aggregates and status of the window that ends when the query says, or now."""
        window = self.coverage.of_rows(query.window_end, query.time_window_minutes)
        selection = Selection(window, query.task_type, query.model_name, query.model_version)
        measured, versions = await aggregates.aggregate_by_version(self.engine, selection)
        thresholds = await self.thresholds.get(query.model_name)
        return judged(measured, versions, selection, thresholds)

    async def timeseries(self, query: TimeseriesQuery) -> Timeseries:
        """The window in buckets."""
        window = self.coverage.of_rollups(query.window_end, query.time_window_minutes, width_for(query.bucket_minutes))
        selection = Selection(window, query.task_type, query.model_name, query.model_version)
        shown = whole(window, query.bucket_minutes)
        return Timeseries(
            bucket_minutes=query.bucket_minutes,
            task_type=query.task_type,
            model_name=query.model_name,
            model_version=query.model_version,
            time_window_start=shown.start,
            time_window_end=shown.end,
            buckets=await timeseries(self.engine, selection, query.bucket_minutes),
        )

    async def count(self) -> int:
        """The number of predictions on record."""
        return await aggregates.count(self.engine)


def judged(
    measured: Aggregates, versions: list[VersionMetrics], selection: Selection, thresholds: Thresholds
) -> AggregatedMetrics:
    """The numbers of a window, and what the thresholds say about them."""
    status, breaches = judge(
        measured.average_confidence,
        measured.p95_inference_time_ms,
        thresholds,
        measured.values.average if measured.values else None,
        measured.errors.trusted.mae if measured.errors and measured.errors.trusted else None,
    )
    return AggregatedMetrics(
        **asdict(measured),
        versions=versions,
        task_type=selection.task_type,
        model_name=selection.model_name,
        model_version=selection.model_version,
        status=status,
        breaches=breaches,
        time_window_start=selection.window.start,
        time_window_end=selection.window.end,
    )
