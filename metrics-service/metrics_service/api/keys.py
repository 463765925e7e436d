"""What the predictions of a key came to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr

from metrics_service.api.moment import Moment
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.reports.keys import KeyReporter, MetricsOfKey
from shared.contracts.names import ModelName
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, guarded_key_models

MOST_HOURS = 39 * 24
"""Hours are kept for 40 days."""


def keys_router(reporter: KeyReporter, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Numbers by key."""
    router = APIRouter(prefix="/metrics/keys", tags=["metrics"], route_class=StrictRoute)

    @router.get("", summary="What the predictions of a key came to", responses=problems(401, 404, 422, 503))
    async def measure_key(
        models: Annotated[KeyModels, Depends(guarded_key_models(token, Right.READ))],
        key_id: Annotated[UUID, Query(description="Of a key", examples=["e03955ab-ddb8-4581-882d-0d46a027e8d9"])],
        time_window_hours: Annotated[int, Query(ge=1, le=MOST_HOURS, description="Whole hours of UTC")] = 24,
        window_end: Annotated[
            Moment | None, Query(description="In the last of them; now if not given", examples=[None])
        ] = None,
        model_name: Annotated[ModelName | None, Query()] = None,
    ) -> MetricsOfKey:
        """Counts and averages by model and version, over whole hours, the last one as far as it has come.

        At a cost that does not grow with the predictions. By key there are no percentiles, labels or statuses; the
        record has its predictions one by one (`GET /predictions?key_id=…`). A key that nobody knows has none. Hours are
        kept for 40 days: a window that begins before, or has not begun, is a 422.
        """
        models.require(model_name)
        await catalogue.check(model_name)
        return await reporter.report(key_id, time_window_hours, window_end, model_name)

    return router
