"""Alerts, open and past."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from metrics_service.alert_store import AlertStore
from metrics_service.alerts import Alert
from metrics_service.names.known_models import KnownModels
from shared.contracts.metrics import ModelName
from shared.http.strict_route import StrictRoute
from shared.runtime.openapi import problems


class AlertState(StrEnum):
    """Which alerts to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class AlertList(BaseModel):
    """Alerts, newest first."""

    alerts: list[Alert]


IS_OPEN = {AlertState.OPEN: True, AlertState.CLOSED: False, AlertState.ALL: None}


def alerts_router(store: AlertStore, known: KnownModels) -> APIRouter:
    """What needed attention."""
    router = APIRouter(prefix="/metrics/alerts", tags=["alerts"], route_class=StrictRoute)

    @router.get("", summary="Alerts, open and past", responses=problems(404, 422, 503))
    async def list_alerts(
        state: AlertState = AlertState.ALL,
        model_name: ModelName | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> AlertList:
        """An alert opens when a model's status worsens and closes when it has clearly recovered, newest first."""
        await known.check(model_name)
        return AlertList(alerts=await store.list(model_name, is_open=IS_OPEN[state], limit=limit))

    return router
