"""What `/health` checks: models and the record."""

from prediction_service.model_repository import ModelRepository
from prediction_service.recorder import Recorder
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.runtime.health import HealthReport


def health_report(version: str, repository: ModelRepository, recorder: Recorder) -> HealthReport:
    """Down without a model or without a place for the record; degraded by a folder that was skipped."""

    async def models() -> ComponentHealth:
        loaded = ", ".join(f"{model.name} {model.version}" for model in repository.all())
        if repository.default() is None:
            return ComponentHealth(status=HealthStatus.DOWN, detail="the default model is not loaded")
        if repository.skipped:
            skipped = ", ".join(model.folder for model in repository.skipped)
            return ComponentHealth(status=HealthStatus.DEGRADED, detail=f"{loaded}; skipped: {skipped}")
        return ComponentHealth(status=HealthStatus.OK, detail=loaded)

    async def postgres() -> ComponentHealth:
        await recorder.ping()
        return ComponentHealth(status=HealthStatus.OK)

    return HealthReport("prediction-service", version, required={"models": models, "postgres": postgres})
