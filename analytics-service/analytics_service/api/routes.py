"""HTTP only: what comes in, what goes out, which errors are documented."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import SecretStr

from analytics_service.contracts.question import ReportQuery
from analytics_service.contracts.report import PerformanceReport
from analytics_service.reports.inquiry import Inquiry
from shared.contracts.rights import Right
from shared.http.key_holder import HOLDER_HEADER
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.admin_token import bearer
from shared.service.key_models import guarded_models, key_models

SHOWN_HEADERS = (HOLDER_HEADER.decode(), "authorization")
"""By what the metrics-service judges who may read the record: a key's holder, sealed by the gateway, or the token."""

CACHE_HEADERS = {
    "X-Cache": {
        "description": "HIT: cached; STALE: cached and old, while a new one is made or cannot be made; MISS: new",
        "schema": {"type": "string", "enum": ["HIT", "STALE", "MISS"]},
    },
    "Age": {"description": "How long ago the report was stored, in seconds", "schema": {"type": "integer"}},
}


def analysis_router(inquiry: Inquiry, token: SecretStr) -> APIRouter:
    """What callers ask for."""
    router = APIRouter(prefix="/analyze", tags=["analysis"], route_class=StrictRoute)

    @router.post(
        "/performance",
        summary="Report on a window",
        response_model=PerformanceReport,
        responses={200: {"headers": CACHE_HEADERS}, **problems(401, 403, 404, 422, 503)},
    )
    async def analyze_performance(
        query: ReportQuery, request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Response:
        """What the numbers of a window mean: issues, their likely cause, and what to do, the most urgent first.

        Gemini writes it when there is a key; otherwise, and whenever Gemini cannot, rules do (`source`,
        `fallback_reason`); they also do for a window without predictions. Reports are cached; a report on another
        status or other thresholds is never answered. Each client has its part of the calls to Gemini.

        With `key_id` the report is about what came with that key, by model and version, beside all callers over the
        same whole hours (`caller`): how many, how sure and how fast on average; percentiles, labels, drift, alerts and
        status are not kept by key. It is for whoever may read the record (`GET /metrics/keys`), so never for callers
        without a key: 401, and 403 for a key that has not both rights, `analyze` and `read`, for the model. Without
        `key_id` no token is needed. A key that nobody knows has no predictions.
        """
        key_models(request.scope, token, Right.ANALYZE).require(query.model_name)
        shown: dict[str, str] = {}
        if query.key_id is not None:
            guarded_models(request.scope, given, token, Right.READ).require(query.model_name)
            shown = shown_by(request)
        response = await inquiry.respond(query, shown)
        headers = {"X-Cache": response.cache.value, "Age": str(response.age_seconds)}
        return Response(response.body, media_type="application/json", headers=headers)

    return router


def shown_by(request: Request) -> dict[str, str]:
    """What the asker of a question about a key has shown: the metrics-service is asked by this right, not by ours."""
    name = next(name for name in SHOWN_HEADERS if name in request.headers)
    return {name: request.headers[name]}
