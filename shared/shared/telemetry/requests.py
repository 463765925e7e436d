"""What operators see of a service: of each request Prometheus metrics, on a port of their own, and perhaps a line."""

import logging

from prometheus_client import REGISTRY, CollectorRegistry
from starlette.types import Scope

from shared.telemetry.access_log import Described, access_log
from shared.telemetry.loop_metrics import LoopCounter, LoopGauge, LoopHistogram
from shared.telemetry.server import serve_metrics

REQUESTS = LoopCounter("http_requests", "Requests answered", ["route", "method", "status"])
DURATION = LoopHistogram(
    "http_request_duration_seconds",
    "From the first byte of the request to the last of the answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
IN_FLIGHT = LoopGauge("http_requests_in_flight", "Requests being answered")

UNMATCHED = "unmatched"
"""Route label of a request that no route takes: paths that clients make up must not become label values."""

NO_ADDRESS = "-"
"""What logs call a client without one: who comes over a Unix socket."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET_ROUTES = frozenset({"/health", "/health/live", "/health/ready"})
"""Probes ask every few seconds; their lines are DEBUG."""

CLIENT_CLOSED_REQUEST = 499
"""Status in logs and metrics when the client left before a response began (nginx's convention)."""


def start_telemetry(port: int, host: str, registry: CollectorRegistry = REGISTRY) -> None:
    """Serves the metrics on `port` from a thread of its own; port 0: not at all."""
    if port:
        serve_metrics(port, host, registry)


def route_of(scope: Scope) -> str:
    """The path template that took the request, such as `/v2/models/{name}`."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def route_and_client(scope: Scope) -> Described:
    """The route that the framework found, and the other end of the connection."""
    return route_of(scope), (scope["client"] or (NO_ADDRESS,))[0], None, None


def record_request(
    scope: Scope,
    described: Described,
    status: int,
    seconds: float,
    *,
    began_after: float,
    refused: str | None = None,
    trace_id: str = "",
) -> None:
    """One answered request, in the metrics and, if it has a line there, in the log.

    `began_after`: seconds until its response began. `refused`: why the server itself has answered. `trace_id`: of the
    trace that shows where the time went.
    """
    route = described[0]
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.by_labels[route, method, str(status)] += 1
    DURATION.observe((route,), seconds, trace_id=trace_id)
    level = logging.DEBUG if route in QUIET_ROUTES else logging.INFO
    if access_log.has(level, status, began_after):
        access_log.tell(level, method, printable(scope["path"]), described, status, seconds, refused)


def printable(path: str) -> str:
    """A path as it may stand in a log: no control characters, no length without end."""
    return path[:200] if path.isprintable() else ascii(path[:200])
