"""HTTP only: what comes in, what goes out, which errors are documented."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, SecretStr

from metrics_service.report import MetricsReporter
from metrics_service.threshold_store import ThresholdStore
from metrics_service.thresholds import ThresholdChange
from shared.contracts.metrics import (
    AggregatedMetrics,
    MetricsQuery,
    ModelName,
    ThresholdProfile,
    Timeseries,
    TimeseriesQuery,
)
from shared.runtime.admin_token import admin_token
from shared.runtime.openapi import problems

ProfileName = Annotated[
    ModelName | None, Query(description="Whose thresholds; not given: the default profile, for all without their own")
]


class PredictionCount(BaseModel):
    """How many predictions are on record."""

    total_predictions: int


def metrics_router(reporter: MetricsReporter) -> APIRouter:
    """Questions about what was predicted."""
    router = APIRouter(prefix="/metrics", tags=["metrics"])

    @router.post("/aggregated", summary="Aggregates over a window", responses=problems(422, 503))
    async def aggregate_metrics(query: MetricsQuery) -> AggregatedMetrics:
        """Counts, averages, extremes and percentiles, and what the thresholds say about them.

        `status` compares the average confidence and the 95th percentile of the inference time with the thresholds of
        `model_name` (of the default profile when the question is about all models). A window without predictions, be
        it of a model that nobody knows, has count 0, nulls and status `normal`.
        """
        return await reporter.report(query)

    @router.post("/timeseries", summary="A window in buckets, for a chart", responses=problems(422, 503))
    async def metrics_timeseries(query: TimeseriesQuery) -> Timeseries:
        """Counts, labels, average confidence and percentiles of each bucket; a bucket without predictions counts 0."""
        return await reporter.timeseries(query)

    @router.get("/count", summary="Number of predictions on record", responses=problems(503))
    async def count_predictions() -> PredictionCount:
        """All predictions of all models."""
        return PredictionCount(total_predictions=await reporter.count())

    return router


def thresholds_router(store: ThresholdStore, token: SecretStr | None) -> APIRouter:
    """What counts as a warning and what as critical."""
    router = APIRouter(prefix="/metrics/thresholds", tags=["thresholds"])

    @router.get("", summary="Thresholds in force", responses=problems(422, 503))
    async def get_thresholds(model_name: ProfileName = None) -> ThresholdProfile:
        """A model's own profile; for a model without one, the default profile (`model_name` null)."""
        return await store.get(model_name)

    @router.put(
        "",
        summary="Change thresholds",
        dependencies=[Depends(admin_token(token))],
        responses=problems(401, 422, 503),
    )
    async def put_thresholds(change: ThresholdChange, model_name: ProfileName = None) -> ThresholdProfile:
        """Changes the thresholds that are named. Critical must lie beyond warning, judged with what is stored.

        Each change of a profile makes its version one higher.
        """
        return await store.change(model_name, change)

    return router
