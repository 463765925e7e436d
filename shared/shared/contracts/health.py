"""What every service answers on `/health`; the gateway merges four of these into one."""

from enum import StrEnum

from pydantic import BaseModel, Field


class HealthStatus(StrEnum):
    """How a part is doing, from best to worst."""

    OK = "ok"
    DEGRADED = "degraded"
    """Still does its job, with a stand-in (a journal, a cache, rules)."""
    DOWN = "down"


class ComponentHealth(BaseModel):
    """One dependency or part, as seen by the service that uses it."""

    status: HealthStatus
    latency_ms: float | None = Field(None, description="How long the check took, in milliseconds")
    detail: str | None = Field(None, description="What a person should know: why it is not ok, or what is loaded")
    is_starting: bool = Field(False, description="Not ok yet; most probably it will be, by itself and shortly")


class ServiceHealth(BaseModel):
    """A service and everything it depends on."""

    service: str
    version: str
    status: HealthStatus
    latency_ms: float | None = Field(None, description="How long the gateway waited for this answer, in milliseconds")
    detail: str | None = None
    components: dict[str, ComponentHealth] = {}


class SystemHealth(BaseModel):
    """The gateway's merged answer; HTTP 200 while predictions are served, else 503."""

    status: HealthStatus
    version: str
    services: dict[str, ServiceHealth]
