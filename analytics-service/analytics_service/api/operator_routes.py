"""HTTP for operators: the quota and what was spent, the cache and how to empty it. Redis away: a 503."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, SecretStr

from analytics_service.cache.redis import CachedReportInfo
from analytics_service.gemini.breaker import CircuitState
from analytics_service.gemini.ledger import LedgerDay
from analytics_service.gemini.prices import Prices
from analytics_service.gemini.quota import QuotaUsage
from analytics_service.operations import Operations
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.admin_token import admin_token


class QuotaReport(BaseModel):
    """What may be spent on Gemini now, and what was spent."""

    quota: QuotaUsage
    circuit: CircuitState = Field(description="`open`: calls failed in a row, and this process lets none leave")
    prices: Prices = Field(description="What costs are counted by, in US dollars per million tokens")
    days: list[LedgerDay] = Field(description="The last seven days (UTC), today first")


class CachedReports(BaseModel):
    """Reports in the cache."""

    reports: list[CachedReportInfo]


class ClearedReports(BaseModel):
    """How many reports were removed."""

    cleared: int


def operator_router(operations: Operations, token: SecretStr) -> APIRouter:
    """What operators ask for, with the admin token."""
    router = APIRouter(
        prefix="/analyze", tags=["operators"], dependencies=[Depends(admin_token(token))], route_class=StrictRoute
    )

    @router.get("/quota", summary="Quota, circuit and costs", responses=problems(401, 503))
    async def get_quota() -> QuotaReport:
        """Calls of the current window over all replicas, whether Gemini told us to wait, and each day's ledger."""
        quota, days = await operations.quota_and_days()
        return QuotaReport(quota=quota, circuit=operations.circuit.state, prices=operations.ledger.prices, days=days)

    @router.get("/cache", summary="Cached reports", responses=problems(401, 422, 503))
    async def list_cached_reports(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> CachedReports:
        """What is cached, for which question, how old; in no order."""
        return CachedReports(reports=await operations.cached_reports(limit))

    @router.delete("/cache", summary="Empty the cache", responses=problems(401, 503))
    async def clear_cached_reports() -> ClearedReports:
        """Removes all reports: the next question makes a new one."""
        return ClearedReports(cleared=await operations.clear_cache())

    return router
