"""Who gets which version: policies over HTTP, for operators."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field, SecretStr

from prediction_service.api.changed_by import changed_by
from prediction_service.models.candidates import Candidates
from prediction_service.models.catalogue import Catalogue, ModelNotFound
from prediction_service.rollouts.changes import RolloutChanges
from prediction_service.rollouts.policies import KnownFrom, Policies
from shared.contracts.names import ModelName
from shared.contracts.rollouts import Rollout, RolloutChange, RolloutEnd, RolloutEvent
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import admin_of_model

Name = Annotated[ModelName, Path(description="A model of /models", examples=["sentiment"])]


class InForceHere(BaseModel):
    """What the replica that responds makes of a policy."""

    known_from: KnownFrom = Field(
        description="`postgres`: it is up to date; Postgres is away, and it is what was known last: `memory`, `disk` "
        "(the service has started since then), `nowhere` (nothing is known, every model serves its newest version)"
    )
    known_at: datetime | None = Field(description="When it was known to hold")
    shares: dict[str, float] = Field(
        description="Version → percent of the requests that name no version, as they are served here"
    )
    trouble: str = Field(description="Why this is not what the policy says, or not after a start; empty if it is")


class RolloutInForce(Rollout):
    """A policy, and what becomes of it."""

    here: InForceHere


class RolloutHistory(BaseModel):
    """Part of the audit."""

    events: list[RolloutEvent]


class RolloutView:
    """How policies are shown."""

    def __init__(self, catalogue: Catalogue, policies: Policies, candidates: Candidates) -> None:
        self._catalogue, self._policies, self._candidates = catalogue, policies, candidates

    def check(self, name: Name) -> None:
        """Raises ModelNotFound for a model that is neither loaded nor has a policy."""
        if not self._catalogue.versions(name) and not self._policies.of(name).revision:
            raise ModelNotFound(f"No model {name!r} is loaded.")

    def of(self, policy: Rollout) -> RolloutInForce:
        """A policy with what is made of it here."""
        here = InForceHere(
            known_from=self._policies.known_from,
            known_at=self._policies.known_at,
            shares=self._candidates.shares(policy.model_name),
            trouble=self._candidates.trouble(policy.model_name),
        )
        return RolloutInForce(**policy.model_dump(), here=here)


def rollouts_router(changes: RolloutChanges, view: RolloutView, token: SecretStr) -> APIRouter:
    """Policies, read and changed."""
    router = APIRouter(
        prefix="/models/{name}/rollout",
        tags=["rollouts"],
        route_class=StrictRoute,
        dependencies=[Depends(admin_of_model(token)), Depends(view.check)],
    )

    @router.get("", summary="Which version of a model requests get", responses=problems(401, 404, 422))
    async def get_rollout(name: Name) -> RolloutInForce:
        """The policy in force, and what this replica makes of it. Revision 0: nobody has ever changed it."""
        return view.of(await changes.newest(name))

    @router.put("", summary="Change which version requests get", responses=problems(401, 404, 409, 422, 503))
    async def put_rollout(name: Name, change: RolloutChange, request: Request) -> RolloutInForce:
        """Puts a policy in the place of the one whose `revision` is named; all replicas follow within two seconds.

        `newest`: the newest version that is loaded. `pinned`: the stable version. `shadow`: the same, and the candidate
        computes a share of the requests besides. `canary`: the candidate gets a share of the requests, always those of
        the same callers; with `steps` the share grows by itself. A version that is named in a request is always given.

        409: somebody else was faster. 503: Postgres is away, and the policy known last goes on.
        """
        return view.of(await changes.set(name, change, changed_by(request, change)))

    @router.post(
        "/promote", summary="Make the candidate the stable version", responses=problems(401, 404, 409, 422, 503)
    )
    async def promote(name: Name, end: RolloutEnd, request: Request) -> RolloutInForce:
        """All requests get it from now on. 409: there is no candidate, or the policy has another revision."""
        return view.of(await changes.end(name, end, changed_by(request, end), promotes=True))

    @router.post("/rollback", summary="Go back to the stable version", responses=problems(401, 404, 409, 422, 503))
    async def roll_back(name: Name, end: RolloutEnd, request: Request) -> RolloutInForce:
        """All requests get it from now on. 409: there is no candidate, or the policy has another revision."""
        return view.of(await changes.end(name, end, changed_by(request, end), promotes=False))

    @router.get("/history", summary="Who changed which version requests get", responses=problems(401, 404, 422, 503))
    async def rollout_history(name: Name, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> RolloutHistory:
        """The audit of one model's policy, the newest first: every change, with the whole policy after it."""
        return RolloutHistory(events=await changes.history(name, limit))

    return router
