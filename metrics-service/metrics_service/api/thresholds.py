"""What counts as a warning and what as critical."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, SecretStr
from starlette.status import HTTP_204_NO_CONTENT

from metrics_service.api.changed_by import WhoChanges
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.thresholds.changes import AuditedChange, ThresholdChange
from metrics_service.thresholds.store import ThresholdStore
from shared.contracts.names import ModelName
from shared.contracts.rights import Right
from shared.contracts.thresholds import ThresholdProfile
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, guarded_key_models, open_to_key_models

ProfileName = Annotated[
    ModelName | None, Query(description="Whose thresholds; not given: the default profile, for all without their own")
]


class ThresholdChanges(BaseModel):
    """Part of the audit trail."""

    changes: list[AuditedChange]


def thresholds_router(store: ThresholdStore, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """What counts as a warning and what as critical."""
    router = APIRouter(prefix="/metrics/thresholds", tags=["thresholds"], route_class=StrictRoute)
    may_read, may_change = Depends(open_to_key_models(token, Right.READ)), Depends(guarded_key_models(token))

    @router.get("", summary="Thresholds in force", responses=problems(404, 422, 503))
    async def get_thresholds(
        models: Annotated[KeyModels, may_read], model_name: ProfileName = None
    ) -> ThresholdProfile:
        """A model's own profile; for a model without one, the default profile (`model_name` null)."""
        models.require(model_name)
        await catalogue.check(model_name)
        return await store.get(model_name)

    @router.put(
        "",
        summary="Change thresholds",
        responses=problems(401, 404, 422, 503),
    )
    async def put_thresholds(
        models: Annotated[KeyModels, may_change],
        changed_by: WhoChanges,
        change: ThresholdChange,
        model_name: ProfileName = None,
    ) -> ThresholdProfile:
        """Changes the thresholds that are named. Critical must lie beyond warning, judged with what is stored.

        Each change of a profile makes its version one higher.
        """
        models.require(model_name)
        await catalogue.check(model_name)
        return await store.change(model_name, change, changed_by)

    @router.delete(
        "",
        summary="Remove a model's thresholds",
        responses=problems(401, 404, 422, 503),
        status_code=HTTP_204_NO_CONTENT,
    )
    async def remove_thresholds(
        changed_by: WhoChanges,
        models: Annotated[KeyModels, may_change],
        model_name: Annotated[ModelName, Query(description="Whose thresholds")],
    ) -> None:
        """Forgets a model's own thresholds: the default profile holds for it again. That is on the audit trail, too.

        404: it has none. The default profile cannot be removed.
        """
        models.require(model_name)
        await store.remove(model_name, changed_by)

    @router.get(
        "/changes",
        summary="Who changed thresholds",
        responses=problems(401, 404, 422, 503),
    )
    async def list_threshold_changes(
        models: Annotated[KeyModels, may_change],
        model_name: ProfileName = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> ThresholdChanges:
        """The audit trail of one profile, newest first."""
        models.require(model_name)
        await catalogue.check(model_name)
        return ThresholdChanges(changes=await store.changes(model_name, limit))

    return router
