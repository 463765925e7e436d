"""The analytics-service: reports on the numbers, by Gemini when it is there, by rules when it is not.

The stops of a question, in order:

1. `api/routes`          HTTP in and out (`api/operator_routes`: quota and cache, for operators)
2. `reports/inquiry`     the way of a question: HIT, STALE or MISS
3. `reports/lookup`      the state now (`metrics_client`) and its key (`reports/key`)
4. `cache/store`         the report on it: fresh, stale or none; `cache/redis`, or `cache/local` by `cache/failover`
5. `reports/maker`       makes what is missing, once for all who wait: `reports/single_flight` in the process,
                         `reports/leadership` over all of them, by `cache/lock`
6. `gemini/analyst`      findings, or the reason why there are none: one call, if `gemini/breaker` and `gemini/quota`
                         let it leave, again by `gemini/retry`; the SDK asks the `gemini/prompt`, `gemini/wire` and
                         `gemini/report_text` read the response, `truth` holds it against the facts, `gemini/ledger`
                         writes down what it cost
7. `rules`               the report when there is a reason and are no findings
8. `cache/store`         keeps the report, for those who wait and those who ask next
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import monotonic

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp

from analytics_service.api.operator_routes import operator_router
from analytics_service.api.routes import analysis_router
from analytics_service.cache.client import close, connect
from analytics_service.cache.failover import FailoverReportStore
from analytics_service.cache.freshness import Lives
from analytics_service.cache.local import LocalReportStore
from analytics_service.cache.lock import ReportLock
from analytics_service.cache.redis import RedisReportStore
from analytics_service.gemini import gemini_provider
from analytics_service.gemini.analyst import GeminiAnalyst, NoAnalyst
from analytics_service.gemini.breaker import CircuitBreaker
from analytics_service.gemini.last_outcome import LastOutcome
from analytics_service.gemini.ledger import Ledger
from analytics_service.gemini.prices import prices_of
from analytics_service.gemini.prompt import PROMPT_VERSION
from analytics_service.gemini.quota import CallQuota
from analytics_service.health import health_report
from analytics_service.metrics_client.client import MetricsClient
from analytics_service.operations import Operations
from analytics_service.reports.inquiry import Inquiry
from analytics_service.reports.key import ReportKeys
from analytics_service.reports.leadership import Leadership
from analytics_service.reports.lookup import Lookups
from analytics_service.reports.maker import ReportMaker
from analytics_service.settings import Settings
from shared.asyncio.clock import utc_now
from shared.service.assembly import create_service

VERSION = version("modelserver-analytics-service")


def create_app(settings: Settings) -> ASGIApp:
    """Puts the service together; connects to nothing yet."""
    # Proxies of the environment are for calls outside; the metrics-service is inside.
    http = httpx.AsyncClient(base_url=settings.metrics_url, timeout=settings.metrics_timeout_seconds, trust_env=False)
    metrics = MetricsClient(http, settings.metrics_timeout_seconds)
    redis = connect(settings)
    lives = Lives(settings.gemini_cache_ttl, settings.rules_cache_ttl, settings.gemini_stale_grace)
    shared = RedisReportStore(redis, lives, monotonic, settings.redis_report_bytes)
    store = FailoverReportStore(shared, LocalReportStore(monotonic), monotonic)
    leadership = Leadership(ReportLock(redis, monotonic), store)
    quota = CallQuota(redis, settings.gemini_rate_limit, share=settings.gemini_client_share)
    prices = prices_of(settings.gemini_model, settings.gemini_input_price, settings.gemini_output_price)
    ledger = Ledger(redis, prices, utc_now)
    outcome = LastOutcome(utc_now)
    circuit = CircuitBreaker(monotonic)
    provider = gemini_provider(settings)
    analyst = (
        GeminiAnalyst(
            provider,
            quota,
            circuit,
            ledger,
            settings.gemini_timeout_seconds,
            monotonic,
            outcome=outcome,
            model=settings.gemini_model,
        )
        if provider
        else NoAnalyst()
    )
    maker = ReportMaker(metrics, store, leadership, analyst, utc_now)
    lookups = Lookups(metrics, store, ReportKeys(settings.gemini_model, PROMPT_VERSION), monotonic)
    inquiry = Inquiry(lookups, store, maker, settings.analysis_deadline, monotonic)
    operations = Operations(inquiry, store, shared, quota, circuit, ledger)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if provider:
            await provider.prepare()
        try:
            yield
        finally:
            await inquiry.stop()
            if provider:
                await provider.close()
            await close(redis)
            await http.aclose()

    return create_service(
        title="analytics-service",
        version=VERSION,
        description=__doc__,
        routers=[analysis_router(inquiry, settings.admin_token), operator_router(operations, settings.admin_token)],
        health=health_report(settings, redis, circuit, outcome, VERSION),
        lifespan=lifespan,
        admin_token=settings.admin_token,
    )
