"""What guards have seen of canaries."""

from fastapi import APIRouter
from pydantic import BaseModel

from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.reports.rollouts import RolloutReporter
from shared.contracts.guards import RolloutReading
from shared.contracts.names import ModelName
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute


class RolloutList(BaseModel):
    """Canaries, those that guards looked at last first."""

    rollouts: list[RolloutReading]


def rollouts_router(reporter: RolloutReporter, catalogue: ModelCatalogue) -> APIRouter:
    """Guards of canaries."""
    router = APIRouter(prefix="/metrics/rollouts", tags=["metrics"], route_class=StrictRoute)

    @router.get("", summary="What the guards of canaries have seen", responses=problems(404, 422, 503))
    async def list_rollouts(model_name: ModelName | None = None) -> RolloutList:
        """Of every model the canary that is on, or its last one and how that ended.

        Each guard has the figures of both versions in the same time, how much they speak against the candidate
        (`e_value`), and where it is rolled back.
        """
        await catalogue.check(model_name)
        return RolloutList(rollouts=await reporter.report(model_name))

    return router
