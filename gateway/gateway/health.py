"""One health response from all: every service is asked at once, under one short deadline.

The state of the whole is that of its main job: predictions through this gateway. Everything else can only degrade it.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter

import aiohttp
import structlog
from fastapi import APIRouter, Response
from pydantic import ValidationError

from gateway.proxy.address import Address
from gateway.proxy.connections import UpstreamSession
from gateway.request.routing import UpstreamName
from shared.contracts.health import ComponentHealth, HealthStatus, ServiceHealth, SystemHealth
from shared.http.strict_route import StrictRoute
from shared.service.health import HealthReport, http_status

DEADLINE_SECONDS = 0.8
"""A service that has not answered by then is down for now: the whole response stays below a second."""

log = structlog.get_logger()


class SystemCheck:
    """Asks the services and puts theirs beside the gateway's own."""

    def __init__(self, own: HealthReport, session: UpstreamSession, services: Mapping[UpstreamName, Address]) -> None:
        self._own, self._session, self._services = own, session, services

    async def check(self) -> SystemHealth:
        """The state of the whole now; never raises."""
        own, *others = await asyncio.gather(
            self._own.check(), *(self._ask(name, address) for name, address in self._services.items())
        )
        services = {own.service: own} | dict(zip(map(str, self._services), others, strict=True))
        return SystemHealth(status=verdict(services), version=own.version, services=services)

    async def _ask(self, name: UpstreamName, address: Address) -> ServiceHealth:
        started = perf_counter()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._session.get(address, "/health") as response:
                health = ServiceHealth.model_validate_json(await response.read())
        except TimeoutError:
            health = down(name, "no answer in time")
        except (aiohttp.ClientError, OSError, ValidationError) as error:
            log.debug("health of a service is unknown", upstream=name, error=type(error).__name__)
            health = down(name, "not reachable")
        return health.model_copy(update={"latency_ms": round((perf_counter() - started) * 1000, 2)})


def down(name: UpstreamName, detail: str) -> ServiceHealth:
    """A service that has not told its health."""
    return ServiceHealth(service=name, version="unknown", status=HealthStatus.DOWN, detail=detail)


def verdict(services: Mapping[str, ServiceHealth]) -> HealthStatus:
    """Down when predictions are; degraded when anything is not ok."""
    if services[UpstreamName.PREDICTION].status is HealthStatus.DOWN:
        return HealthStatus.DOWN
    if any(service.status is not HealthStatus.OK for service in services.values()):
        return HealthStatus.DEGRADED
    return HealthStatus.OK


def gateway_health(service: str, release: str, is_shared: Callable[[], bool]) -> HealthReport:
    """The gateway's own part: Postgres, as the limits see it that all gateways share."""

    async def postgres() -> ComponentHealth:
        if is_shared():
            return ComponentHealth(status=HealthStatus.OK, detail="ingress limit shared by all gateways")
        return ComponentHealth(status=HealthStatus.DOWN, detail="ingress limit counted by this gateway alone")

    return HealthReport(service, release, optional={"postgres": postgres})


def system_health_router(check: SystemCheck) -> APIRouter:
    """`/health` of the whole system; it stands before the service's own, which has the two probes."""
    router = APIRouter(tags=["system"], route_class=StrictRoute)

    @router.get(
        "/health", summary="Every service, Postgres, Redis and the models", responses={503: {"model": SystemHealth}}
    )
    async def get_health(response: Response) -> SystemHealth:
        """State and latency of every part; 200 while predictions are served, else 503."""
        health = await check.check()
        response.status_code = http_status(health.status)
        return health

    return router
