"""`/health` of a service: each dependency is asked at once, under one short deadline.

`/health/live`: the process answers. `/health/ready`: it does its job, perhaps with stand-ins, and is not stopping.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

import structlog
from fastapi import APIRouter, Request, Response

from shared.contracts.health import ComponentHealth, HealthStatus, ServiceHealth
from shared.service.stopping import is_stopping

CHECK_DEADLINE_SECONDS = 0.5
"""A dependency that has not answered by then is down for the one who asks; the gateway waits 0.8 s for all of us."""

HealthCheck = Callable[[], Awaitable[ComponentHealth]]
"""Asks one dependency. May raise or hang: either counts as down (as `required` or `optional` says)."""

log = structlog.get_logger()


class HealthReport:
    """The checks of one service.

    A `required` part that is down takes the service down; an `optional` one, which has a stand-in, degrades it.
    """

    def __init__(
        self,
        service: str,
        version: str,
        *,
        required: Mapping[str, HealthCheck] | None = None,
        optional: Mapping[str, HealthCheck] | None = None,
    ) -> None:
        self.service, self.version = service, version
        self.required, self.optional = dict(required or {}), dict(optional or {})

    async def check(self) -> ServiceHealth:
        """The state of the service now; never raises, never takes longer than the deadline."""
        checks = {**self.required, **self.optional}
        states = await asyncio.gather(*(run_check(name, check) for name, check in checks.items()))
        components = dict(zip(checks, states, strict=True))
        return ServiceHealth(
            service=self.service, version=self.version, status=self.verdict(components), components=components
        )

    def verdict(self, components: Mapping[str, ComponentHealth]) -> HealthStatus:
        """Down when a required part is; degraded when anything else is not ok."""
        if any(components[name].status is HealthStatus.DOWN for name in self.required):
            return HealthStatus.DOWN
        if any(component.status is not HealthStatus.OK for component in components.values()):
            return HealthStatus.DEGRADED
        return HealthStatus.OK


async def run_check(name: str, check: HealthCheck) -> ComponentHealth:
    """One check under the deadline. Its error is logged, not shown: it may name hosts."""
    started = perf_counter()
    try:
        async with asyncio.timeout(CHECK_DEADLINE_SECONDS):
            state = await check()
    except TimeoutError:
        state = ComponentHealth(status=HealthStatus.DOWN, detail="no answer in time")
    except Exception as error:  # noqa: BLE001 -- a dependency may fail in any way; each one means that it is down
        log.warning("health check failed", component=name, error=str(error) or type(error).__name__)
        state = ComponentHealth(status=HealthStatus.DOWN, detail="not reachable")
    return state.model_copy(update={"latency_ms": round((perf_counter() - started) * 1000, 2)})


def http_status(status: HealthStatus) -> int:
    """200 while the job is done, with or without stand-ins; 503 otherwise."""
    return 503 if status is HealthStatus.DOWN else 200


def health_router(report: HealthReport) -> APIRouter:
    """The three health endpoints; not part of the public API document."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health")
    async def health(response: Response) -> ServiceHealth:
        state = await report.check()
        response.status_code = http_status(state.status)
        return state

    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @router.get("/health/ready")
    async def ready(request: Request, response: Response) -> dict[str, bool]:
        response.status_code = 503 if is_stopping(request.scope) else http_status((await report.check()).status)
        return {"ready": response.status_code == 200}

    return router
