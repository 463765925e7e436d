"""Asks the metrics-service. Away, slow or talking nonsense: MetricsAway, a 503; the next question tries again."""

import asyncio
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from analytics_service.facts import Facts, State
from shared.contracts.metrics import AggregatedMetrics, MetricsQuery, ThresholdProfile
from shared.runtime.problems import Problem
from shared.runtime.request_id import trace_headers

RETRY_AFTER_SECONDS = 2

Body = TypeVar("Body", bound=BaseModel)

log = structlog.get_logger()


class MetricsAway(Problem):
    """There are no numbers to report on, and no earlier report either."""

    status = 503
    type = "urn:problem-type:metrics-away"
    title = "Metrics Away"

    def __init__(self) -> None:
        super().__init__(
            "The metrics-service does not answer at the moment.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


class MetricsClient:
    """The questions this service has about metrics."""

    def __init__(self, http: httpx.AsyncClient, timeout_seconds: float) -> None:
        self.http, self.timeout_seconds = http, timeout_seconds

    async def state(self, query: MetricsQuery) -> State:
        """The numbers of the window and the thresholds in force. Raises MetricsAway."""
        metrics, thresholds = await asyncio.gather(self.aggregated(query), self.thresholds(query.model_name))
        return State(query, metrics, thresholds)

    async def facts(self, state: State) -> Facts:
        """The state with the window before it; without when the metrics-service has gone meanwhile."""
        earlier = state.query.model_copy(update={"window_end": state.metrics.time_window_start})
        try:
            before = await self.aggregated(earlier)
        except MetricsAway:
            before = None
        return Facts(state.metrics, before, state.thresholds, state.query.time_window_minutes)

    async def aggregated(self, query: MetricsQuery) -> AggregatedMetrics:
        """Aggregates over one window. Raises MetricsAway."""
        body = query.model_dump(mode="json", exclude_none=True)
        return await self.ask(AggregatedMetrics, "POST", "/metrics/aggregated", json=body)

    async def thresholds(self, model_name: str | None) -> ThresholdProfile:
        """The thresholds of a model, or the default ones. Raises MetricsAway."""
        parameters = {"model_name": model_name} if model_name else {}
        return await self.ask(ThresholdProfile, "GET", "/metrics/thresholds", params=parameters)

    async def ask(self, body: type[Body], method: str, path: str, **request: Any) -> Body:
        """One request under the deadline. Raises MetricsAway."""
        try:
            async with asyncio.timeout(self.timeout_seconds):
                answer = await self.http.request(method, path, headers=trace_headers(), **request)
            answer.raise_for_status()
            return body.model_validate_json(answer.content)
        except (httpx.HTTPError, OSError, TimeoutError, ValidationError) as error:
            log.warning("metrics-service away", path=path, error=str(error) or type(error).__name__)
            raise MetricsAway from error
