"""Which path goes to which service, and which requests are held to the ingress limit.

Only what stands here is reachable from outside, spelled exactly so once percent signs are decoded, which is how the
services read it: a line feed, a second slash, a dot segment or another case makes it another path, which nobody serves.
Whether a method fits is for the service to say, in its own words; the one that makes it work is what costs.
"""

import re
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
    large: bool = False
    """Whether its bodies may have MAX_BATCH_BODY_BYTES."""


def table(*routes: Route) -> dict[str, Route]:
    """Routes by their path."""
    return {route.path: route for route in routes}


EXACT = table(
    Route("/predict", UpstreamName.PREDICTION, limited=True),
    Route("/predict/batch", UpstreamName.PREDICTION, limited=True, large=True),
    Route("/models", UpstreamName.PREDICTION),
    Route("/metrics/aggregated", UpstreamName.METRICS),
    Route("/metrics/thresholds", UpstreamName.METRICS),
    Route("/metrics/thresholds/changes", UpstreamName.METRICS),
    Route("/metrics/count", UpstreamName.METRICS),
    Route("/metrics/timeseries", UpstreamName.METRICS),
    Route("/metrics/drift", UpstreamName.METRICS),
    Route("/metrics/quality", UpstreamName.METRICS),
    Route("/metrics/baselines", UpstreamName.METRICS),
    Route("/metrics/audit", UpstreamName.METRICS),
    Route("/metrics/alerts", UpstreamName.METRICS),
    Route("/metrics/silences", UpstreamName.METRICS),
    Route("/feedback", UpstreamName.METRICS, limited=True),
    Route("/feedback/batch", UpstreamName.METRICS, limited=True),
    Route("/analyze/performance", UpstreamName.ANALYTICS, limited=True),
    Route("/analyze/quota", UpstreamName.ANALYTICS),
    Route("/analyze/cache", UpstreamName.ANALYTICS),
)


WORKING_METHOD = "POST"
"""What a limited path computes something for. To every other method a service says 405, which is as good as free."""

OPEN_INFERENCE = Route("/v2/{path}", UpstreamName.PREDICTION)
OPEN_INFERENCE_INFER = Route("/v2/models/{name}/infer", UpstreamName.PREDICTION, limited=True, large=True)

SEGMENT = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]+"
MODEL = rf"/models/{SEGMENT}(?:/versions/{SEGMENT})?"
INFER = re.compile(rf"/v2{MODEL}/infer")
FREE = re.compile(
    rf"/v2(?:/?|/health/(?:live|ready)|/models/stats|{MODEL}(?:/(?:ready|stats))?"
    rf"|/repository/(?:index|models/{SEGMENT}/(?:load|unload)))"
)
"""All other paths of the Open Inference Protocol."""


def find_route(path: str) -> Route | None:
    """The route that takes `path`, or None: then the gateway answers itself."""
    if path.startswith("/v2"):
        if INFER.fullmatch(path):
            return OPEN_INFERENCE_INFER
        return OPEN_INFERENCE if FREE.fullmatch(path) else None
    return EXACT.get(path)
