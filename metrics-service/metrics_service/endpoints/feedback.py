"""What users say about predictions."""

from fastapi import APIRouter

from metrics_service.feedback import Feedback, FeedbackStore, Quality, RecordedFeedback
from metrics_service.kept import Kept
from metrics_service.names.known_models import KnownModels
from metrics_service.rollups import Selection
from shared.contracts.metrics import MetricsQuery
from shared.http.strict_route import StrictRoute
from shared.runtime.openapi import problems


def feedback_router(store: FeedbackStore, kept: Kept, known: KnownModels) -> APIRouter:
    """Feedback in, quality out."""
    router = APIRouter(tags=["feedback"], route_class=StrictRoute)

    @router.post("/feedback", summary="Say what a prediction should have been", responses=problems(404, 422, 503))
    async def give_feedback(given: Feedback) -> RecordedFeedback:
        """Say it again, and the last word counts; a prediction is never counted twice.

        404: no prediction of this id is on record. One that was answered a moment ago, while the record was away, is
        known once it has been caught up with.
        """
        return await store.give(given)

    @router.post("/metrics/quality", summary="Accuracy, precision and recall", responses=problems(404, 422, 503))
    async def measure_quality(query: MetricsQuery) -> Quality:
        """How good the predictions of a window were, as far as feedback was given."""
        await known.check(query.model_name, query.model_version, query.task_type)
        window = kept.with_rollups(query.window_end, query.time_window_minutes, tier=1)
        return await store.quality(Selection(window, query.task_type, query.model_name, query.model_version))

    return router
