"""What users say about predictions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import SecretStr, ValidationError

from metrics_service.feedback.contracts import (
    Caller,
    Feedback,
    FeedbackBatch,
    FeedbackResult,
    FeedbackResults,
    Outcome,
    Quality,
    RecordedFeedback,
)
from metrics_service.feedback.store import FeedbackStore
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.reports.calibration import Calibration, calibration
from metrics_service.windows.coverage import Coverage
from metrics_service.windows.rollups import Selection
from shared.contracts.aggregates import MetricsQuery
from shared.contracts.faults import in_words
from shared.contracts.rights import Right, may
from shared.database import rollup_widths
from shared.http.addresses import addresses_of
from shared.http.caller import caller_digest, current_caller
from shared.http.key_holder import KeyHolder, holder_of
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.admin_token import bearer, require
from shared.service.key_models import KeyModels, models_of, open_to_key_models


def feedback_router(store: FeedbackStore, coverage: Coverage, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Feedback in, quality out."""
    router = APIRouter(tags=["feedback"], route_class=StrictRoute)
    may_read = Depends(open_to_key_models(token, Right.READ))

    async def who_judges(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        """Neither token nor key is needed; what comes along must be right. Raises what `require` raises."""
        holder = holder_of(request.scope, token.get_secret_value())
        digest = caller_digest(current_caller.get() or addresses_of(request))
        if holder is not None:
            return caller_with_key(holder, digest)
        if given is not None:
            require(None, given, token)
        return Caller(digest, is_trusted=given is not None)

    @router.post(
        "/feedback", summary="Say what a prediction should have been", responses=problems(401, 404, 409, 422, 503)
    )
    async def give_feedback(given: Feedback, caller: Annotated[Caller, Depends(who_judges)]) -> RecordedFeedback:
        """Say it again, and your last word counts; a prediction is never counted twice.

        The label must be one of its model's. A regression has a `value` instead; a multilabel model may have all
        `labels` that would have been right (none, if none would), or one `label`, beside which its surest one is held.
        What does not fit the prediction is a 422 that says what would.

        With the admin token, or a key with its rights, a word counts in full and stands; without it no caller counts
        for more than a limit in any window, and nobody changes another caller's word. 409: such a word stands
        (`trusted-word-stands`, `another-word-stands`). 404: no prediction of this id is on record, or none of a model
        that the key is for. One that was answered a moment ago, while the record was away, is known once it has been
        caught up with.
        """
        return await store.give(given, caller)

    @router.post("/feedback/batch", summary="Up to 1,000 judgements at once", responses=problems(401, 422, 503))
    async def give_feedback_batch(
        given: FeedbackBatch, caller: Annotated[Caller, Depends(who_judges)]
    ) -> FeedbackResults:
        """As `POST /feedback`, each row with its outcome, in order; those that can be recorded are.

        Of several rows on one prediction the last one that can be recorded counts; the others are `superseded`.
        """
        rows = [row_of(row) for row in given.feedback]
        taken = iter(await store.give_all([row for row in rows if isinstance(row, Feedback)], caller))
        results = [next(taken) if isinstance(row, Feedback) else row for row in rows]
        return FeedbackResults(recorded=sum(result.outcome is Outcome.RECORDED for result in results), results=results)

    @router.post("/metrics/quality", summary="Accuracy, precision and recall", responses=problems(404, 422, 503))
    async def measure_quality(query: MetricsQuery, models: Annotated[KeyModels, may_read]) -> Quality:
        """How good the predictions of a window were, as far as feedback was given.

        A set of labels is right when it has all that would have been right and no other; `sets` and `labels` say how
        far the others are from that.
        """
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        window = coverage.of_rollups(query.window_end, query.time_window_minutes, rollup_widths.MINUTE)
        return await store.quality(Selection(window, query.task_type, query.model_name, query.model_version))

    @router.post(
        "/metrics/calibration",
        summary="Whether confidence says how often predictions are right",
        responses=problems(404, 422, 503),
    )
    async def measure_calibration(query: MetricsQuery, models: Annotated[KeyModels, may_read]) -> Calibration:
        """Judged predictions of a window by tenths of confidence: how sure the model was, how often it was right.

        Of a window with very much feedback the newest 10,000 judgements are looked at.
        """
        models.require(query.model_name)
        await catalogue.check(query.model_name, query.model_version, query.task_type)
        window = coverage.of_rollups(query.window_end, query.time_window_minutes, rollup_widths.MINUTE)
        selection = Selection(window, query.task_type, query.model_name, query.model_version)
        return await calibration(store.engine, selection, store.caller_limit)

    return router


def caller_with_key(holder: KeyHolder, digest: str) -> Caller:
    """On whose predictions a key may judge, and where its word is an operator's. Raises RightMissing."""
    models, key_id = models_of(holder, Right.FEEDBACK), UUID(holder.key_id)
    if not may(holder.rights):
        return Caller(digest, is_trusted=False, key_id=key_id, models=models)
    return Caller(digest, is_trusted=True, key_id=key_id, models=models, trusted_on=models_of(holder))


def row_of(row: object) -> Feedback | FeedbackResult:
    """One row of a batch, or why it makes no sense."""
    try:
        return Feedback.model_validate(row)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        return FeedbackResult(
            outcome=Outcome.INVALID, detail=f"{where}: {in_words(fault)}" if where else in_words(fault)
        )
