"""What `/health` checks: the models, without which there are no predictions, and the recording of predictions."""

from prediction_service.models.folders.status import State
from prediction_service.models.repository import ModelRepository
from prediction_service.records.failover import RecordFailover
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.service.health import HealthReport


def health_report(repository: ModelRepository, store: RecordFailover, service: str, version: str) -> HealthReport:
    """Down without a model, or when nothing can be recorded; degraded while the journal stands in for Postgres."""

    async def models() -> ComponentHealth:
        return models_health(repository)

    return HealthReport(
        service,
        version,
        required={"models": models, "journal": store.journal_health},
        optional={"postgres": store.postgres_health},
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
        troubles.insert(0, f"the default model {repository.catalogue.default_name} is not loaded")
        return ComponentHealth(status=HealthStatus.DOWN, detail="; ".join(troubles))
    if troubles:
        return ComponentHealth(status=HealthStatus.DEGRADED, detail="; ".join(troubles))
    loaded = ", ".join(f"{model.name} {model.version}" for model in repository.catalogue.models())
    return ComponentHealth(status=HealthStatus.OK, detail=loaded)
