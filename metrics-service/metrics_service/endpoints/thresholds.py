"""What counts as a warning and what as critical."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr

from metrics_service.threshold_store import ThresholdStore
from metrics_service.thresholds import ThresholdChange
from shared.contracts.metrics import ModelName, ThresholdProfile
from shared.runtime.admin_token import admin_token
from shared.runtime.openapi import problems

ProfileName = Annotated[
    ModelName | None, Query(description="Whose thresholds; not given: the default profile, for all without their own")
]


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
