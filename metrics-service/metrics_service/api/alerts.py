"""Alerts, open and past."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, SecretStr

from metrics_service.alerts.alert import DERIVED, Alert
from metrics_service.alerts.store import AlertStore
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.silences.contracts import Silence
from metrics_service.silences.store import SilenceStore, silenced_until
from shared.contracts.names import ModelName
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, open_to_key_models


class AlertState(StrEnum):
    """Which alerts to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class ListedAlert(Alert):
    """An alert, and whether anybody is told of it."""

    silenced_until: datetime | None = Field(None, description="null: it is not silenced, or closed")


class AlertList(BaseModel):
    """Alerts, newest first."""

    alerts: list[ListedAlert]


IS_OPEN = {AlertState.OPEN: True, AlertState.CLOSED: False, AlertState.ALL: None}


def alerts_router(store: AlertStore, silences: SilenceStore, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """What needed attention."""
    router = APIRouter(prefix="/metrics/alerts", tags=["alerts"], route_class=StrictRoute)

    @router.get("", summary="Alerts, open and past", responses=problems(404, 422, 503))
    async def list_alerts(
        models: Annotated[KeyModels, Depends(open_to_key_models(token, Right.READ))],
        state: AlertState = AlertState.ALL,
        model_name: ModelName | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> AlertList:
        """An alert opens when a model's status worsens and closes when it has clearly recovered, newest first.

        One of a model that has predicted nothing for a day closes, too: `ending` says which it was.
        """
        models.require(model_name)
        await catalogue.check(model_name)
        alerts = await store.list(model_name, is_open=IS_OPEN[state], limit=limit)
        lasting = await silences.lasting() if any(alert.closed_at is None for alert in alerts) else []
        return AlertList(alerts=[listed(alert, lasting) for alert in alerts])

    return router


def listed(alert: Alert, silences: Sequence[Silence]) -> ListedAlert:
    """An alert as the list shows it."""
    until = None if alert.closed_at else silenced_until(silences, alert)
    return ListedAlert(**alert.model_dump(exclude=DERIVED), silenced_until=until)
