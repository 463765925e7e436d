"""What of the record deserves a person's label."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr

from metrics_service.api.moment import Moment
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.predictions.filter import Filter
from metrics_service.review.contracts import ReviewPage
from metrics_service.review.reviewer import Reviewer
from metrics_service.review.walk import MOST_CURSOR
from shared.contracts.names import ModelName, ModelVersion
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.read_only import only_read
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, guarded_key_models

MOST_ON_A_PAGE = 200
DAY = 24 * 60
WEEK = 7 * DAY


def review_router(reviewer: Reviewer, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Comes before the router of the record, whose `/predictions/{prediction_id}` would take its path."""
    router = APIRouter(prefix="/predictions", tags=["record"], route_class=StrictRoute)

    only_read(router, "/predictions/review", "DELETE")

    @router.get("/review", summary="What deserves a person's label", responses=problems(401, 404, 422, 503))
    async def review_predictions(
        models: Annotated[KeyModels, Depends(guarded_key_models(token, Right.READ))],
        model_name: Annotated[ModelName, Query()],
        model_version: Annotated[ModelVersion | None, Query(examples=[None])] = None,
        time_window_minutes: Annotated[int, Query(ge=1, le=WEEK, description="How long the window is")] = DAY,
        until: Annotated[
            Moment | None, Query(description="When the window ends; now, if not given", examples=[None])
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="At most so many")] = 20,
        cursor: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=MOST_CURSOR,
                pattern=r"^[A-Za-z0-9_-]+$",
                description="`next_cursor` of before",
                examples=[None],
            ),
        ] = None,
    ) -> ReviewPage:
        """Of the newest 10,000 predictions of a window those from which feedback tells most, each with its reason.

        The reasons take turns: a candidate in the shadow says something else; the model was least sure; a label is
        rare; a label, or a value of an input, has become frequent. Nothing that has feedback, and nothing twice, from
        page to page either: of predictions with (nearly) the same inputs there is one.
        """
        models.require(model_name)
        await catalogue.check(model_name, model_version)
        asked = Filter(model_name=model_name, model_version=model_version, until=until)
        return await reviewer.page(asked, time_window_minutes, cursor, limit)

    return router
