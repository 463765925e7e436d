"""What `/health` checks: the service does nothing without Postgres."""

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.health import ComponentHealth, HealthStatus
from shared.database.engine import ping
from shared.runtime.health import HealthReport


def health_report(engine: AsyncEngine, version: str) -> HealthReport:
    """Down when Postgres does not answer."""

    async def postgres() -> ComponentHealth:
        await ping(engine)
        return ComponentHealth(status=HealthStatus.OK)

    return HealthReport("metrics-service", version, required={"postgres": postgres})
