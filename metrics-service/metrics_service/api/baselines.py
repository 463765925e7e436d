"""Pinned baselines."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr
from starlette.status import HTTP_204_NO_CONTENT

from metrics_service.api.changed_by import WhoChanges
from metrics_service.baselines.contracts import Baseline, BaselineList, PinBaseline
from metrics_service.baselines.pinning import Pinning
from metrics_service.models.catalogue import ModelCatalogue
from shared.contracts.names import BaselineName, ModelName
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, guarded_key_models, open_to_key_models

OfModel = Annotated[ModelName, Query(description="Whose baseline")]
Named = Annotated[BaselineName, Query(description="What it is called", examples=["first-week"])]


def baselines_router(pinning: Pinning, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Distributions to compare with that do not move on with time."""
    router = APIRouter(prefix="/metrics/baselines", tags=["drift"], route_class=StrictRoute)
    may_read, may_pin = Depends(open_to_key_models(token, Right.READ)), Depends(guarded_key_models(token))

    @router.get("", summary="Pinned baselines of a model", responses=problems(404, 422, 503))
    async def list_baselines(model_name: OfModel, models: Annotated[KeyModels, may_read]) -> BaselineList:
        """What a drift query can name in `baseline`, besides `model`: what the model's own folder brings."""
        models.require(model_name)
        await catalogue.check(model_name)
        return BaselineList(baselines=list(await pinning.store.list(model_name)))

    @router.put("", summary="Pin a baseline", responses=problems(401, 404, 422, 503))
    async def pin_baseline(
        models: Annotated[KeyModels, may_pin],
        changed_by: WhoChanges,
        model_name: OfModel,
        name: Named,
        asked: PinBaseline,
    ) -> Baseline:
        """Keeps the distributions of a window, as they are now, or of the model's folder, under a name.

        They stay when the predictions are dropped. Drift from a `watched` one is an alert, beside drift from the day
        before, which a slow change moves along.
        """
        models.require(model_name)
        await catalogue.check(model_name, asked.model_version)
        return await pinning.pin(model_name, name, asked, changed_by)

    @router.delete(
        "",
        summary="Remove a baseline",
        responses=problems(401, 404, 422, 503),
        status_code=HTTP_204_NO_CONTENT,
    )
    async def remove_baseline(
        changed_by: WhoChanges, model_name: OfModel, name: Named, models: Annotated[KeyModels, may_pin]
    ) -> None:
        """Forgets it; who did so stays in the audit trail."""
        models.require(model_name)
        await pinning.store.remove(model_name, name, changed_by)

    return router
