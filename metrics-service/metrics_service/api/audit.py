"""Who changed what."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import AuditedAct, Subject, acts
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.admin_token import admin_token


class AuditTrail(BaseModel):
    """Part of the audit trail, newest first."""

    acts: list[AuditedAct]


def audit_router(engine: AsyncEngine, token: SecretStr) -> APIRouter:
    """The audit trail of baselines and silences."""
    router = APIRouter(prefix="/metrics/audit", tags=["audit"], route_class=StrictRoute)

    @router.get(
        "",
        summary="Who pinned baselines, silenced alerts and erased predictions",
        dependencies=[Depends(admin_token(token))],
        responses=problems(401, 422, 503),
    )
    async def list_acts(
        subject: Subject | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> AuditTrail:
        """Newest first. Changes of thresholds are at `/metrics/thresholds/changes`."""
        return AuditTrail(acts=await acts(engine, subject, limit))

    return router
