"""HTTP only: what comes in, what goes out, which errors are documented."""

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from analytics_service.contracts.report import PerformanceReport
from analytics_service.reports.inquiry import Inquiry
from shared.contracts.aggregates import MetricsQuery
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import key_models

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
        responses={200: {"headers": CACHE_HEADERS}, **problems(404, 422, 503)},
    )
    async def analyze_performance(query: MetricsQuery, request: Request) -> Response:
        """What the numbers of a window mean: issues, their likely cause, and what to do, the most urgent first.

        Gemini writes it when there is a key; otherwise, and whenever Gemini cannot, rules do (`source`,
        `fallback_reason`); they also do for a window without predictions. Reports are cached; a report on another
        status or other thresholds is never answered. Each client has its part of the calls to Gemini.
        """
        key_models(request.scope, token, Right.ANALYZE).require(query.model_name)
        response = await inquiry.respond(query)
        headers = {"X-Cache": response.cache.value, "Age": str(response.age_seconds)}
        return Response(response.body, media_type="application/json", headers=headers)

    return router
