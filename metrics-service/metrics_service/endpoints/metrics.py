"""Questions about what was predicted."""

from fastapi import APIRouter
from pydantic import BaseModel

from metrics_service.drift_report import DriftReporter
from metrics_service.report import MetricsReporter
from shared.contracts.metrics import (
    AggregatedMetrics,
    DriftQuery,
    DriftReport,
    MetricsQuery,
    Timeseries,
    TimeseriesQuery,
)
from shared.runtime.openapi import problems


class PredictionCount(BaseModel):
    """How many predictions are on record."""

    total_predictions: int


def metrics_router(reporter: MetricsReporter, drift: DriftReporter) -> APIRouter:
    """Aggregates, charts, drift and the count."""
    router = APIRouter(prefix="/metrics", tags=["metrics"])

    @router.post("/aggregated", summary="Aggregates over a window", responses=problems(422, 503))
    async def aggregate_metrics(query: MetricsQuery) -> AggregatedMetrics:
        """Counts, averages, extremes and percentiles, and what the thresholds say about them.

        `status` compares the average confidence and the 95th percentile of the inference time with the thresholds of
        `model_name` (of the default profile when the question is about all models). A window without predictions, be
        it of a model that nobody knows, has count 0, nulls and status `normal`. Percentiles are within 1 %, everything
        else is exact.
        """
        return await reporter.report(query)

    @router.post("/timeseries", summary="A window in buckets, for a chart", responses=problems(422, 503))
    async def metrics_timeseries(query: TimeseriesQuery) -> Timeseries:
        """Counts, labels, average confidence and percentiles of each bucket; a bucket without predictions counts 0."""
        return await reporter.timeseries(query)

    @router.post("/drift", summary="What changed since a reference window", responses=problems(422, 503))
    async def detect_drift(query: DriftQuery) -> DriftReport:
        """Compares labels, confidence and input length of two windows by PSI and Jensen-Shannon distance.

        Bands of PSI: below 0.1 stable, from 0.1 moderate, from 0.25 significant. With so few predictions that chance
        alone could show 0.1, the answer is `not_enough_data`.
        """
        return await drift.report(query)

    @router.get("/count", summary="Number of predictions on record", responses=problems(503))
    async def count_predictions() -> PredictionCount:
        """All predictions of all models, ever."""
        return PredictionCount(total_predictions=await reporter.count())

    return router
