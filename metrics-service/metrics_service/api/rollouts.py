"""What guards have seen of canaries."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, SecretStr

from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.reports.rollouts import RolloutReporter
from shared.contracts.guards import RolloutReading
from shared.contracts.names import ModelName
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, open_to_key_models


class RolloutList(BaseModel):
    """Canaries, those that guards looked at last first."""

    rollouts: list[RolloutReading]


def rollouts_router(reporter: RolloutReporter, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Guards of canaries."""
    router = APIRouter(prefix="/metrics/rollouts", tags=["metrics"], route_class=StrictRoute)

    @router.get("", summary="What the guards of canaries have seen", responses=problems(404, 422, 503))
    async def list_rollouts(
        models: Annotated[KeyModels, Depends(open_to_key_models(token, Right.READ))],
        model_name: ModelName | None = None,
    ) -> RolloutList:
        """Of every model the canary that is on, or its last one and how that ended.

        Each guard has the figures of both versions in the same time, how much they speak against the candidate
        (`e_value`), and where it is rolled back.
        """
        models.require(model_name)
        await catalogue.check(model_name)
        return RolloutList(rollouts=await reporter.report(model_name))

    return router
