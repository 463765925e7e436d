"""How candidates do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import SecretStr

from metrics_service.candidates.contracts import RolloutReport
from metrics_service.candidates.reporter import CandidateReporter
from metrics_service.models.catalogue import ModelCatalogue
from shared.contracts.names import ModelName
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import admin_of_model

Name = Annotated[ModelName, Path(description="A model of /models", examples=["sentiment"])]


def candidates_router(reporter: CandidateReporter, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """Reports on rollouts."""
    router = APIRouter(
        prefix="/models", tags=["rollouts"], route_class=StrictRoute, dependencies=[Depends(admin_of_model(token))]
    )

    @router.get("/{name}/rollout/report", summary="How the candidate does", responses=problems(401, 404, 422, 503))
    async def rollout_report(name: Name) -> RolloutReport:
        """In the shadow: how far it agrees, request by request, with intervals, and the largest disagreements.

        As a canary: both versions' predictions side by side. 404: the model has no candidate.
        """
        await catalogue.check(name, None, None)
        return await reporter.report(name)

    return router
