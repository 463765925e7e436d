"""What `/health` checks: the models, without which nothing can be answered, and the record."""

from prediction_service.model_repository import ModelRepository
from prediction_service.record_failover import RecordFailover
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.runtime.health import HealthReport


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
    """Down without the default model; degraded when a folder of the repository cannot be served."""
    if not repository.has_default():
        detail = f"the default model {repository.default_name} is not loaded"
        return ComponentHealth(status=HealthStatus.DOWN, detail=detail)
    if skipped := repository.skipped():
        detail = "; ".join(f"{folder} skipped: {reason}" for folder, reason in skipped.items())
        return ComponentHealth(status=HealthStatus.DEGRADED, detail=detail)
    loaded = ", ".join(f"{model.name} {model.version}" for model in repository.models())
    return ComponentHealth(status=HealthStatus.OK, detail=loaded)
