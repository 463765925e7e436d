"""What counts as a warning and what as critical."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, SecretStr

from metrics_service.threshold_store import ChangedBy, ThresholdStore
from metrics_service.thresholds import AuditedChange, ThresholdChange
from shared.contracts.metrics import ModelName, ThresholdProfile
from shared.runtime.admin_token import admin_token
from shared.runtime.openapi import problems
from shared.runtime.request_id import current_request_id

ProfileName = Annotated[
    ModelName | None, Query(description="Whose thresholds; not given: the default profile, for all without their own")
]


MAX_ADDRESS_CHARACTERS = 200


class ThresholdChanges(BaseModel):
    """Part of the audit trail."""

    changes: list[AuditedChange]


def changed_by(request: Request) -> ChangedBy:
    """The request's id and the addresses it came through: the gateway's word, or else the peer."""
    peer = request.client.host if request.client else "unknown"
    address = request.headers.get("x-forwarded-for", peer)
    return ChangedBy(current_request_id.get(), address[:MAX_ADDRESS_CHARACTERS])


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
    async def put_thresholds(
        request: Request, change: ThresholdChange, model_name: ProfileName = None
    ) -> ThresholdProfile:
        """Changes the thresholds that are named. Critical must lie beyond warning, judged with what is stored.

        Each change of a profile makes its version one higher.
        """
        return await store.change(model_name, change, changed_by(request))

    @router.get(
        "/changes",
        summary="Who changed thresholds",
        dependencies=[Depends(admin_token(token))],
        responses=problems(401, 422, 503),
    )
    async def list_threshold_changes(
        model_name: ProfileName = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> ThresholdChanges:
        """The audit trail of one profile, newest first."""
        return ThresholdChanges(changes=await store.changes(model_name, limit))

    return router
