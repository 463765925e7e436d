"""Which path goes to which service, and as what the ingress limit counts them.

Only what stands here is reachable from outside, spelled exactly so once percent signs are decoded, which is how the
services read it: a line feed, a second slash, a dot segment or another case makes it another path, which nobody serves.
Whether a method fits is for the service to say, in its own words; the one that makes it work is what costs.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.request.access import (
    ADMIN,
    ALL_NUMBERS,
    ANALYSIS,
    CATALOGUE,
    FEEDBACK,
    MODEL_ADMIN,
    NUMBERS,
    PREDICTING,
    RECORD,
    Access,
)
from gateway.request.route_class import RouteClass
from shared.http.foreign_pages import SAFE_METHODS


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
    access: Access
    """What a request needs."""
    large: bool = False
    """Whether its bodies may have MAX_BATCH_BODY_BYTES."""
    streams: bool = False
    """Whether bodies of CSV and NDJSON may come there, of any length."""
    keyed: bool = False
    """Whether a request with an Idempotency-Key may be sent there again without harm."""
    guarded: bool = False
    """Whether a service looks at the admin token there, for one of its methods at least."""
    changed_by_admin: bool = False
    """Whether what there is to read is everybody's who has access, and to change it the admin's."""

    def access_of(self, method: str) -> Access:
        """What a request with this method needs."""
        return MODEL_ADMIN if self.changed_by_admin and method not in SAFE_METHODS else self.access

    def class_of(self, method: str) -> RouteClass | None:
        """As what limits count a request with this method; None: no limit does."""
        route_class = self.access_of(method).route_class
        return route_class if route_class is RouteClass.READ or method == WORKING_METHOD else None


WORKING_METHOD = "POST"
"""What predictions, feedback and reports are made with. To every other method a service says 405, as good as free."""


def table(*routes: Route) -> dict[str, Route]:
    """Routes by their path."""
    return {route.path: route for route in routes}


EXACT = table(
    Route("/predict", UpstreamName.PREDICTION, PREDICTING, keyed=True),
    Route(
        "/predict/batch",
        UpstreamName.PREDICTION,
        PREDICTING,
        large=True,
        streams=True,
        keyed=True,
    ),
    Route("/models", UpstreamName.PREDICTION, CATALOGUE),
    Route("/metrics/aggregated", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/thresholds", UpstreamName.METRICS, NUMBERS, guarded=True, changed_by_admin=True),
    Route("/metrics/thresholds/changes", UpstreamName.METRICS, MODEL_ADMIN, guarded=True),
    Route("/metrics/count", UpstreamName.METRICS, ALL_NUMBERS),
    Route("/metrics/timeseries", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/drift", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/compare", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/rollouts", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/keys", UpstreamName.METRICS, RECORD, guarded=True),
    Route("/metrics/quality", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/calibration", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/baselines", UpstreamName.METRICS, NUMBERS, guarded=True, changed_by_admin=True),
    Route("/metrics/audit", UpstreamName.METRICS, ADMIN, guarded=True),
    Route("/metrics/alerts", UpstreamName.METRICS, NUMBERS),
    Route("/metrics/silences", UpstreamName.METRICS, NUMBERS, guarded=True, changed_by_admin=True),
    Route("/feedback", UpstreamName.METRICS, FEEDBACK, guarded=True),
    Route("/feedback/batch", UpstreamName.METRICS, FEEDBACK, guarded=True),
    Route("/predictions", UpstreamName.METRICS, RECORD, guarded=True, changed_by_admin=True),
    Route("/predictions/export", UpstreamName.METRICS, RECORD, guarded=True, changed_by_admin=True),
    Route("/predictions/review", UpstreamName.METRICS, RECORD, guarded=True, changed_by_admin=True),
    Route("/analyze/performance", UpstreamName.ANALYTICS, ANALYSIS, guarded=True),
    Route("/analyze/quota", UpstreamName.ANALYTICS, ADMIN, guarded=True),
    Route("/analyze/cache", UpstreamName.ANALYTICS, ADMIN, guarded=True),
)


OPEN_INFERENCE = Route("/v2/{path}", UpstreamName.PREDICTION, CATALOGUE)
OPEN_INFERENCE_LOAD = Route("/v2/repository/models/{name}/{action}", UpstreamName.PREDICTION, MODEL_ADMIN, guarded=True)
OPEN_INFERENCE_INFER = Route("/v2/models/{name}/infer", UpstreamName.PREDICTION, PREDICTING, large=True)

ROLLOUT = Route("/models/{name}/rollout", UpstreamName.PREDICTION, MODEL_ADMIN, guarded=True)

ROLLOUT_TEMPLATES = tuple(ROLLOUT.path + what for what in ("", "/promote", "/rollback", "/history"))

MODELS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")

OPEN_INFERENCE_TEMPLATES = {
    OPEN_INFERENCE_INFER: tuple(f"{model}/infer" for model in MODELS),
    OPEN_INFERENCE_LOAD: ("/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"),
    OPEN_INFERENCE: (
        "/v2",
        "/v2/",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/stats",
        "/v2/repository/index",
        *(model + what for model in MODELS for what in ("", "/config", "/ready", "/stats")),
    ),
}
"""The protocol's paths, as the service's own document names them. The most frequent come first."""

SEGMENT = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]+"
PLACEHOLDER = re.compile(r"\{\w+\}")


def pattern(*templates: str) -> re.Pattern[str]:
    """What fits one of these templates, any segment in the place of a name in braces."""
    return re.compile("|".join(SEGMENT.join(map(re.escape, PLACEHOLDER.split(template))) for template in templates))


CARD = Route("/models/{name}/{version}/card", UpstreamName.PREDICTION, CATALOGUE)

REPORTED = Route("/models/{name}/rollout/report", UpstreamName.METRICS, MODEL_ADMIN, guarded=True)

RECORDED = Route("/predictions/{prediction_id}", UpstreamName.METRICS, RECORD, guarded=True, changed_by_admin=True)

TEMPLATES = (
    OPEN_INFERENCE_TEMPLATES
    | {RECORDED: ("/predictions/{prediction_id}",), ROLLOUT: ROLLOUT_TEMPLATES}
    | {REPORTED: (REPORTED.path,), CARD: (CARD.path,)}
)
"""Of each route whose paths have names in them, those paths."""

PATTERNS = {
    beginning: tuple(
        (pattern(*templates), route) for route, templates in TEMPLATES.items() if templates[0].startswith(beginning)
    )
    for beginning in ("/v2", "/predictions/", "/models/")
}
"""What fits them, by how they begin: most paths begin otherwise."""

BY_TEMPLATE = EXACT | {template: route for route, templates in TEMPLATES.items() for template in templates}


def find_route(path: str) -> Route | None:
    """The route that takes `path`, or None: then the gateway answers itself."""
    if route := EXACT.get(path):
        return route
    for beginning, patterns in PATTERNS.items():
        if path.startswith(beginning):
            for fits, route in patterns:
                if fits.fullmatch(path):
                    return route
    return None


def route_of_template(template: str) -> Route | None:
    """The route of all paths that fit a document's template, such as `/v2/models/{name}`; None: there is none."""
    return BY_TEMPLATE.get(template)
