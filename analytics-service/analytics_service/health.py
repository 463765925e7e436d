"""What `/health` checks. Neither Redis nor Gemini is needed for a report: without them the service is degraded."""

from redis.asyncio import Redis

from analytics_service.circuit_breaker import CircuitBreaker, CircuitState
from analytics_service.settings import Settings
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.runtime.health import HealthReport


def health_report(settings: Settings, redis: Redis, circuit: CircuitBreaker, version: str) -> HealthReport:
    """Asks Redis; of Gemini it says what the last calls showed, for a probe must not cost one."""

    async def check_redis() -> ComponentHealth:
        await redis.ping()
        return ComponentHealth(status=HealthStatus.OK)

    async def check_gemini() -> ComponentHealth:
        if settings.gemini_api_key is None:
            return ComponentHealth(status=HealthStatus.OK, detail="no GEMINI_API_KEY: rules make the reports")
        if circuit.state is not CircuitState.CLOSED:
            return ComponentHealth(status=HealthStatus.DEGRADED, detail="calls failed in a row: rules make the reports")
        return ComponentHealth(status=HealthStatus.OK, detail=settings.gemini_model)

    return HealthReport("analytics-service", version, optional={"redis": check_redis, "gemini": check_gemini})
