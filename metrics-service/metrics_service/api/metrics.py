"""Questions about what was predicted."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, SecretStr

from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.reports.comparison import ComparisonReporter
from metrics_service.reports.drift import DriftReporter
from metrics_service.reports.metrics import MetricsReporter
from shared.contracts.aggregates import AggregatedMetrics, MetricsQuery
from shared.contracts.comparison import Comparison, ComparisonQuery
from shared.contracts.drift import DriftQuery, DriftReport
from shared.contracts.rights import Right
from shared.contracts.timeseries import Timeseries, TimeseriesQuery
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, open_to_key_models


class PredictionCount(BaseModel):
    """How many predictions are on record."""

    total_predictions: int


def metrics_router(
    reporter: MetricsReporter,
    drift: DriftReporter,
    comparison: ComparisonReporter,
    catalogue: ModelCatalogue,
    token: SecretStr,
) -> APIRouter:
    """Aggregates, charts, drift, comparisons and the count."""
    router = APIRouter(prefix="/metrics", tags=["metrics"], route_class=StrictRoute)
    may_read = Depends(open_to_key_models(token, Right.READ))

    @router.post("/aggregated", summary="Aggregates over a window", responses=problems(404, 422, 503))
    async def aggregate_metrics(query: MetricsQuery, models: Annotated[KeyModels, may_read]) -> AggregatedMetrics:
        """Counts, averages, extremes and percentiles, and what the thresholds say about them.

        `status` compares the average confidence and the 95th percentile of the inference time with the thresholds of
        `model_name` (of the default profile when the question is about all models). A window without predictions has
        count 0, nulls and status `normal`; a model, version or task that is neither loaded nor on record is a 404.
        `versions` says which versions the numbers are of. Percentiles are within 1 %, everything else is exact. Of
        regressions and embeddings `values` says how values and norms are, of multilabel models `labels` how often each
        label is given; name a model for these: values of several mean nothing together.
        """
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        return await reporter.report(query)

    @router.post("/timeseries", summary="A window in buckets, for a chart", responses=problems(404, 422, 503))
    async def metrics_timeseries(query: TimeseriesQuery, models: Annotated[KeyModels, may_read]) -> Timeseries:
        """Counts, labels, averages, percentiles and values of each bucket; one without predictions counts 0."""
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        return await reporter.timeseries(query)

    @router.post("/drift", summary="What changed since a reference", responses=problems(404, 422, 503))
    async def detect_drift(query: DriftQuery, models: Annotated[KeyModels, may_read]) -> DriftReport:
        """Compares what predictions have with a reference window, another version or a baseline.

        That is: labels, confidence and input length; values; and of `model_name` each input that its `baseline.json`
        fixes bins of (a measure `input` each, with the shares of missing and of other values).

        A change is claimed when it is certain: with nothing changed, at most one report in 1,000 claims one, over all
        measures together, from one prediction to millions, with any number of labels. How large it is, is PSI less
        `expected_psi`: below 0.1 slight, from 0.1 moderate, from 0.25 significant. `not_enough_data`: nothing was
        found, and with so few predictions not even a complete change would have been.
        """
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        await catalogue.check(query.model_name, query.reference_model_version)
        return await drift.report(query)

    @router.post("/compare", summary="Two versions or two windows, side by side", responses=problems(404, 422, 503))
    async def compare_sides(query: ComparisonQuery, models: Annotated[KeyModels, may_read]) -> Comparison:
        """Everything that is known of both sides, by how much they differ, and a verdict in words.

        Two versions are compared over the same window unless a reference window is named, one version (or all
        together) with the window before. Each number has the 95 % interval of its difference; what `words` claims is
        certain (chance alone shows it in at most one comparison in 1,000, over all their numbers) and large enough to
        matter. `better` and `worse` are about accuracy by feedback, confidence and time, and of values about their mean
        absolute error, by feedback with the admin token.
        """
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        await catalogue.check(query.model_name, query.reference_model_version)
        return await comparison.report(query)

    @router.get("/count", summary="Number of predictions on record", responses=problems(503))
    async def count_predictions(models: Annotated[KeyModels, may_read]) -> PredictionCount:
        """All predictions of all models, ever."""
        models.require(None)
        return PredictionCount(total_predictions=await reporter.count())

    return router
