"""What `/health` checks. Neither Redis nor Gemini is needed for a report: without them the service is degraded."""

from redis.asyncio import Redis

from analytics_service.cache.border import Probe
from analytics_service.gemini.breaker import CircuitBreaker, CircuitState
from analytics_service.gemini.last_outcome import LastOutcome
from analytics_service.settings import Settings
from shared.contracts.health import ComponentHealth, HealthStatus
from shared.service.health import HealthReport


def health_report(
    settings: Settings, redis: Redis, circuit: CircuitBreaker, outcome: LastOutcome, version: str
) -> HealthReport:
    """Asks Redis; of Gemini it says what the last calls showed, for a probe must not cost one."""
    probe = Probe(redis)

    async def check_redis() -> ComponentHealth:
        if trouble := await probe.trouble():
            return ComponentHealth(status=HealthStatus.DOWN, detail=trouble)
        return ComponentHealth(status=HealthStatus.OK)

    async def check_gemini() -> ComponentHealth:
        if settings.gemini_api_key is None:
            return ComponentHealth(status=HealthStatus.OK, detail="no GEMINI_API_KEY: rules make the reports")
        if words := outcome.words():
            pause = "" if circuit.state is CircuitState.CLOSED else "; too many failed in a row, so none leaves for now"
            return ComponentHealth(status=HealthStatus.DEGRADED, detail=f"rules make the reports: {words}{pause}")
        return ComponentHealth(status=HealthStatus.OK, detail=settings.gemini_model)

    return HealthReport("analytics-service", version, optional={"redis": check_redis, "gemini": check_gemini})
