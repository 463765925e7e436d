"""Answers to questions about windows: which window, which numbers, what the thresholds in force say about them."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service import aggregates
from metrics_service.rollups import Selection
from metrics_service.status import judge
from metrics_service.threshold_store import ThresholdStore
from metrics_service.timeseries import tier_of, timeseries, whole
from metrics_service.window import Clock, Window
from shared.contracts.metrics import AggregatedMetrics, MetricsQuery, Timeseries, TimeseriesQuery
from shared.contracts.problem import FieldError
from shared.runtime.problems import InvalidRequest


@dataclass(frozen=True, slots=True)
class MetricsReporter:
    """Answers questions about windows. Postgres away: DatabaseAway."""

    engine: AsyncEngine
    thresholds: ThresholdStore
    clock: Clock
    row_days: int
    rollup_days: int

    async def report(self, query: MetricsQuery) -> AggregatedMetrics:
        """Aggregates and status of the window that ends when the query says, or now."""
        window = self.window(query.window_end, query.time_window_minutes, self.row_days)
        selection = Selection(window, query.task_type, query.model_name)
        measured = await aggregates.aggregate(self.engine, selection)
        thresholds = await self.thresholds.get(query.model_name)
        status, breaches = judge(measured.average_confidence, measured.p95_inference_time_ms, thresholds)
        return AggregatedMetrics(
            **asdict(measured),
            task_type=query.task_type,
            model_name=query.model_name,
            status=status,
            breaches=breaches,
            time_window_start=window.start,
            time_window_end=window.end,
        )

    async def timeseries(self, query: TimeseriesQuery) -> Timeseries:
        """The window in buckets."""
        fine = tier_of(query.bucket_minutes) < 60
        window = self.window(query.window_end, query.time_window_minutes, self.rollup_days if fine else None)
        selection = Selection(window, query.task_type, query.model_name)
        shown = whole(window, query.bucket_minutes)
        return Timeseries(
            bucket_minutes=query.bucket_minutes,
            task_type=query.task_type,
            model_name=query.model_name,
            time_window_start=shown.start,
            time_window_end=shown.end,
            buckets=await timeseries(self.engine, selection, query.bucket_minutes),
        )

    async def count(self) -> int:
        """The number of predictions on record."""
        return await aggregates.count(self.engine)

    def window(self, end: datetime | None, minutes: int, kept_days: int | None) -> Window:
        """The window, or InvalidRequest when part of what it needs is no longer kept: no answer is better than half."""
        now = self.clock()
        window = Window.ending(end or now, minutes)
        if kept_days is not None and window.start < now - timedelta(days=kept_days):
            message = f"the window begins more than {kept_days} days ago; that is no longer kept in this detail"
            raise InvalidRequest([FieldError(location="body.window_end", message=message)])
        return window
