"""What `/health` checks: models, without which there are no predictions, their recording, and whether policies hold."""

from prediction_service.models.candidates import Candidates
from prediction_service.models.folders.status import State
from prediction_service.models.repository import ModelRepository
from prediction_service.records.failover import RecordFailover
from prediction_service.rollouts.follower import RolloutFollower
from prediction_service.rollouts.policies import KnownFrom, Policies
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.service.health import HealthReport


def health_report(
    repository: ModelRepository,
    store: RecordFailover,
    follower: RolloutFollower,
    candidates: Candidates,
    service: str,
    version: str,
) -> HealthReport:
    """Down without a model, or when nothing can be recorded; degraded while something stands in for Postgres."""

    async def models() -> ComponentHealth:
        return models_health(repository)

    async def rollouts() -> ComponentHealth:
        await follower.look_if_away()
        return rollouts_health(follower.policies, candidates)

    return HealthReport(
        service,
        version,
        required={"models": models, "journal": store.journal_health},
        optional={"postgres": store.postgres_health, "rollouts": rollouts},
    )


def models_health(repository: ModelRepository) -> ComponentHealth:
    """Down without the default model; degraded when a model is unavailable, or a folder cannot be served."""
    troubles = [f"{folder} skipped: {reason}" for folder, reason in repository.skipped().items()]
    for model in repository.catalogue.models():
        state, reason = repository.state_of(model)
        if state is State.UNAVAILABLE or (state is State.OUTDATED and not reason.endswith("being tried")):
            troubles.append(f"{model.name}/{model.version} {state}: {reason}")
    if repository.trouble:
        troubles.insert(0, f"{repository.trouble}; it is tried again, and what is loaded goes on")
    if not repository.catalogue.has_default():
        name = repository.catalogue.default_name
        is_starting = repository.catalogue.is_being_tried(name)
        troubles.insert(0, f"the default model {name} is {'being tried' if is_starting else 'not loaded'}")
        return ComponentHealth(status=HealthStatus.DOWN, detail="; ".join(troubles), is_starting=is_starting)
    if troubles:
        return ComponentHealth(status=HealthStatus.DEGRADED, detail="; ".join(troubles))
    loaded = ", ".join(f"{model.name} {model.version}" for model in repository.catalogue.models())
    return ComponentHealth(status=HealthStatus.OK, detail=loaded)


NOT_FOLLOWED = {
    KnownFrom.MEMORY: "postgres is away: the policies known last go on",
    KnownFrom.DISK: "postgres is away since the start: the policies that an earlier run knew last go on",
    KnownFrom.NOWHERE: "postgres is away since the start, and no policy is known: models serve their newest versions",
}


def rollouts_health(policies: Policies, candidates: Candidates) -> ComponentHealth:
    """Degraded while policies are not followed, and when what is served here is not what one of them says."""
    troubles = [f"{policy.model_name}: {candidates.trouble(policy.model_name)}" for policy in policies.all()]
    troubles = [trouble for trouble in troubles if not trouble.endswith(": ")]
    if policies.known_from is not KnownFrom.POSTGRES:
        troubles.insert(0, NOT_FOLLOWED[policies.known_from])
    if troubles:
        return ComponentHealth(status=HealthStatus.DEGRADED, detail="; ".join(troubles))
    told = [f"{policy.model_name} {policy.mode}" for policy in policies.all()]
    return ComponentHealth(status=HealthStatus.OK, detail=", ".join(told) or "every model serves its newest version")
