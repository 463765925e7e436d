"""What `/health` checks: the service does nothing without Postgres."""

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.health import ComponentHealth, HealthStatus
from shared.database.connection import CannotConnectError
from shared.database.engine import ping
from shared.service.health import HealthReport

log = structlog.get_logger()


def health_report(engine: AsyncEngine, version: str) -> HealthReport:
    """Down when Postgres does not respond, or takes no writes."""

    async def postgres() -> ComponentHealth:
        try:
            await ping(engine)
        except CannotConnectError as error:
            log.warning("postgres is away", reason=str(error))
            return ComponentHealth(status=HealthStatus.DOWN, detail=error.trouble)
        return ComponentHealth(status=HealthStatus.OK)

    return HealthReport("metrics-service", version, required={"postgres": postgres})
