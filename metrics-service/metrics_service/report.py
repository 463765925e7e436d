"""The answer to a metrics query: aggregates of its window, judged by the thresholds in force."""

from dataclasses import asdict

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service import aggregates
from metrics_service.rollups import Selection
from metrics_service.status import judge
from metrics_service.threshold_store import ThresholdStore
from metrics_service.window import Clock, Window
from shared.contracts.metrics import AggregatedMetrics, MetricsQuery


class MetricsReporter:
    """Answers questions about windows. Postgres away: DatabaseAway."""

    def __init__(self, engine: AsyncEngine, thresholds: ThresholdStore, clock: Clock) -> None:
        self.engine, self.thresholds, self.clock = engine, thresholds, clock

    async def report(self, query: MetricsQuery) -> AggregatedMetrics:
        """Aggregates and status of the window that ends when the query says, or now."""
        window = Window.ending(query.window_end or self.clock(), query.time_window_minutes)
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

    async def count(self) -> int:
        """The number of predictions on record."""
        return await aggregates.count(self.engine)
