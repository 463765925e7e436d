"""What `/health` checks: the models, without which nothing can be answered, and the record."""

from prediction_service.model_repository import ModelRepository
from prediction_service.record_store import RecordStore
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.runtime.health import HealthReport


def health_report(repository: ModelRepository, store: RecordStore, service: str, version: str) -> HealthReport:
    """Down without a model or without a record."""

    async def models() -> ComponentHealth:
        return models_health(repository)

    async def postgres() -> ComponentHealth:
        await store.check()
        return ComponentHealth(status=HealthStatus.OK)

    return HealthReport(service, version, required={"models": models, "postgres": postgres})


def models_health(repository: ModelRepository) -> ComponentHealth:
    """Down without the default model; degraded when a folder of the repository cannot be served."""
    if not repository.has_default():
        detail = f"the default model {repository.default_name} is not loaded"
        return ComponentHealth(status=HealthStatus.DOWN, detail=detail)
    if skipped := repository.skipped():
        detail = "; ".join(f"{folder} skipped: {reason}" for folder, reason in skipped.items())
        return ComponentHealth(status=HealthStatus.DEGRADED, detail=detail)
    loaded = ", ".join(f"{model.name} {model.version}" for model in repository.models())
    return ComponentHealth(status=HealthStatus.OK, detail=loaded)
