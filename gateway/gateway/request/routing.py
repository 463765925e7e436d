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
    guarded: bool = False
    """Whether a service looks at the admin token there, for one of its methods at least."""


def table(*routes: Route) -> dict[str, Route]:
    """Routes by their path."""
    return {route.path: route for route in routes}


EXACT = table(
    Route("/predict", UpstreamName.PREDICTION, limited=True),
    Route("/predict/batch", UpstreamName.PREDICTION, limited=True, large=True),
    Route("/models", UpstreamName.PREDICTION),
    Route("/metrics/aggregated", UpstreamName.METRICS),
    Route("/metrics/thresholds", UpstreamName.METRICS, guarded=True),
    Route("/metrics/thresholds/changes", UpstreamName.METRICS, guarded=True),
    Route("/metrics/count", UpstreamName.METRICS),
    Route("/metrics/timeseries", UpstreamName.METRICS),
    Route("/metrics/drift", UpstreamName.METRICS),
    Route("/metrics/quality", UpstreamName.METRICS),
    Route("/metrics/baselines", UpstreamName.METRICS, guarded=True),
    Route("/metrics/audit", UpstreamName.METRICS, guarded=True),
    Route("/metrics/alerts", UpstreamName.METRICS),
    Route("/metrics/silences", UpstreamName.METRICS, guarded=True),
    Route("/feedback", UpstreamName.METRICS, limited=True, guarded=True),
    Route("/feedback/batch", UpstreamName.METRICS, limited=True, guarded=True),
    Route("/analyze/performance", UpstreamName.ANALYTICS, limited=True),
    Route("/analyze/quota", UpstreamName.ANALYTICS, guarded=True),
    Route("/analyze/cache", UpstreamName.ANALYTICS, guarded=True),
)


WORKING_METHOD = "POST"
"""What a limited path computes something for. To every other method a service says 405, which is as good as free."""

OPEN_INFERENCE = Route("/v2/{path}", UpstreamName.PREDICTION)
OPEN_INFERENCE_LOAD = Route("/v2/repository/models/{name}/{action}", UpstreamName.PREDICTION, guarded=True)
OPEN_INFERENCE_INFER = Route("/v2/models/{name}/infer", UpstreamName.PREDICTION, limited=True, large=True)

SEGMENT = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]+"
MODEL = rf"/models/{SEGMENT}(?:/versions/{SEGMENT})?"
INFER = re.compile(rf"/v2{MODEL}/infer")
FREE = re.compile(
    rf"/v2(?:/?|/health/(?:live|ready)|/models/stats|{MODEL}(?:/(?:ready|stats))?"
    r"|/repository/index)"
)
LOAD = re.compile(rf"/v2/repository/models/{SEGMENT}/(?:load|unload)")


def find_route(path: str) -> Route | None:
    """The route that takes `path`, or None: then the gateway answers itself."""
    if path.startswith("/v2"):
        if INFER.fullmatch(path):
            return OPEN_INFERENCE_INFER
        if LOAD.fullmatch(path):
            return OPEN_INFERENCE_LOAD
        return OPEN_INFERENCE if FREE.fullmatch(path) else None
    return EXACT.get(path)
