"""Which path goes to which service, and which are held to the ingress limit.

Only what stands here is reachable from outside. Whether a method fits is for the service to say, in its own words.
"""

from dataclasses import dataclass
from enum import StrEnum


class UpstreamName(StrEnum):
    """The services behind the gateway."""

    PREDICTION = "prediction-service"
    METRICS = "metrics-service"
    ANALYTICS = "analytics-service"


@dataclass(frozen=True, slots=True)
class Route:
    """A public path: `path` names it in metrics and logs."""

    path: str
    upstream: UpstreamName
    limited: bool = False


def table(*routes: Route) -> dict[str, Route]:
    """Routes by their path."""
    return {route.path: route for route in routes}


EXACT = table(
    Route("/predict", UpstreamName.PREDICTION, limited=True),
    Route("/predict/batch", UpstreamName.PREDICTION, limited=True),
    Route("/models", UpstreamName.PREDICTION),
    Route("/metrics/aggregated", UpstreamName.METRICS),
    Route("/metrics/thresholds", UpstreamName.METRICS),
    Route("/metrics/thresholds/changes", UpstreamName.METRICS),
    Route("/metrics/count", UpstreamName.METRICS),
    Route("/metrics/timeseries", UpstreamName.METRICS),
    Route("/metrics/drift", UpstreamName.METRICS),
    Route("/metrics/quality", UpstreamName.METRICS),
    Route("/metrics/alerts", UpstreamName.METRICS),
    Route("/feedback", UpstreamName.METRICS),
    Route("/analyze/performance", UpstreamName.ANALYTICS, limited=True),
    Route("/analyze/quota", UpstreamName.ANALYTICS),
    Route("/analyze/cache", UpstreamName.ANALYTICS),
)


OPEN_INFERENCE = Route("/v2/{path}", UpstreamName.PREDICTION)
OPEN_INFERENCE_INFER = Route("/v2/models/{name}/infer", UpstreamName.PREDICTION, limited=True)
"""The Open Inference Protocol has many paths; only inference is held to the limit."""


def find_route(path: str) -> Route | None:
    """The route that takes `path`, or None: then the gateway answers itself."""
    if path == "/v2" or path.startswith("/v2/"):
        return OPEN_INFERENCE_INFER if path.endswith("/infer") else OPEN_INFERENCE
    return EXACT.get(path)
