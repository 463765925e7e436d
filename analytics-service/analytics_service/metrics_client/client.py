"""Asks the metrics-service. Away, slow or talking nonsense: MetricsUnavailable, a 503; the next one tries again."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from analytics_service.contracts.question import HOUR_MINUTES, ReportQuery
from analytics_service.metrics_client.facts import Baselines, Facts, Quality, SeenAlerts, SeenKey, SeenRollouts, State
from shared.contracts.aggregates import AggregatedMetrics, MetricsQuery
from shared.contracts.drift import DriftQuery, DriftReport
from shared.contracts.problem import FieldError, ProblemDetails
from shared.contracts.thresholds import ThresholdProfile
from shared.http.problems import MEDIA_TYPE, InvalidRequest, Problem
from shared.http.request_id import trace_headers
from shared.tracing.span import span

RETRY_AFTER_SECONDS = 2
ALERTS_ASKED_FOR = 1000
"""The metrics-service gives out no more at once."""

Body = TypeVar("Body", bound=BaseModel)

log = structlog.get_logger()


class MetricsUnavailable(Problem):
    """There are no numbers to report on, and no earlier report either."""

    status = 503
    type = "urn:problem-type:metrics-away"
    title = "Metrics Away"

    def __init__(self) -> None:
        super().__init__(
            "The metrics-service does not answer at the moment.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


class UnknownName(Problem):
    """The metrics-service knows no model, version or task of this name."""

    status = 404
    type = "urn:problem-type:unknown-model"
    title = "Unknown Model"


class MetricsClient:
    """The questions this service has about metrics."""

    def __init__(self, http: httpx.AsyncClient, timeout_seconds: float) -> None:
        self._http, self._timeout_seconds = http, timeout_seconds

    async def state(self, query: ReportQuery, shown: Mapping[str, str] | None = None) -> State:
        """The numbers of the window and the thresholds in force.

        `shown`: the headers by which whoever asks may read the record, for a question about a key. Raises
        MetricsUnavailable, UnknownName, or InvalidRequest, as for a window whose numbers are no longer kept.
        """
        if query.key_id is not None:
            return await self._state_of_key(query, shown or {})
        metrics, thresholds = await asyncio.gather(
            self._aggregated(query.of_all_callers()), self._thresholds(query.model_name)
        )
        return State(query, metrics, thresholds)

    async def _state_of_key(self, query: ReportQuery, shown: Mapping[str, str]) -> State:
        """The numbers of a key, and after them those of all callers over the same hours: so they include the key's."""
        parameters = {
            "key_id": str(query.key_id),
            "time_window_hours": str(query.time_window_minutes // HOUR_MINUTES),
            **({"window_end": query.window_end.isoformat()} if query.window_end else {}),
            **of_model(query.model_name),
        }
        of_key = await self._ask(SeenKey, "GET", "/metrics/keys", params=parameters, shown=shown)
        everybody = query.of_all_callers().model_copy(update={"window_end": of_key.time_window_end})
        of_all, thresholds = await asyncio.gather(self._aggregated(everybody), self._thresholds(query.model_name))
        return State(query, of_key.as_window(query.model_name), thresholds, of_all)

    async def facts(self, state: State, seconds: float) -> Facts:
        """The state and what else helps to explain it, as far as that is known within `seconds`.

        Of a key nothing else is.
        """
        if state.query.key_id is not None:
            return Facts(state)
        window_end, query = state.metrics.time_window_end, state.query.of_all_callers()
        this = query.model_copy(update={"window_end": window_end})
        earlier = query.model_copy(update={"window_end": state.metrics.time_window_start})
        drift = DriftQuery(**this.model_dump())
        before, drifted, pinned, quality, alerts, rollouts = await asyncio.gather(
            self._known(self._aggregated(earlier), seconds),
            self._known(self._drift(drift), seconds),
            self._known(self._drift_from_baseline(drift), seconds),
            self._known(self._ask(Quality, "POST", "/metrics/quality", json=json_of(this)), seconds),
            self._known(self._alerts(state), seconds),
            self._known(self._rollouts(state), seconds),
        )
        return Facts(state, before, drifted, pinned, quality, alerts, rollouts)

    async def _drift(self, query: DriftQuery) -> DriftReport:
        """How far a window is from its reference. Raises MetricsUnavailable."""
        return await self._ask(DriftReport, "POST", "/metrics/drift", json=json_of(query))

    async def _drift_from_baseline(self, query: DriftQuery) -> DriftReport | None:
        """How far a window is from its model's pinned baseline; None when it has none. Raises MetricsUnavailable."""
        if query.model_name is None:
            return None
        pinned = await self._ask(Baselines, "GET", "/metrics/baselines", params=of_model(query.model_name))
        name = pinned.chosen()
        return await self._drift(query.model_copy(update={"baseline": name})) if name else None

    async def _known(self, question: Awaitable[Body | None], seconds: float) -> Body | None:
        """The response, or None when there is none or it cannot be had in time."""
        try:
            async with asyncio.timeout(seconds):
                return await question
        except (MetricsUnavailable, InvalidRequest, UnknownName, TimeoutError):
            return None

    async def _aggregated(self, query: MetricsQuery) -> AggregatedMetrics:
        """Aggregates over one window. Raises MetricsUnavailable."""
        return await self._ask(AggregatedMetrics, "POST", "/metrics/aggregated", json=json_of(query))

    async def _thresholds(self, model_name: str | None) -> ThresholdProfile:
        """The thresholds of a model, or the default ones. Raises MetricsUnavailable."""
        return await self._ask(ThresholdProfile, "GET", "/metrics/thresholds", params=of_model(model_name))

    async def _alerts(self, state: State) -> SeenAlerts:
        """The alerts that are open now, or were in a window that was named by its end. Raises MetricsUnavailable."""
        named = state.query.window_end is not None
        which = {"state": "all" if named else "open", "limit": str(ALERTS_ASKED_FOR)}
        parameters = which | of_model(state.query.model_name)
        newest = await self._ask(SeenAlerts, "GET", "/metrics/alerts", params=parameters)
        newest.complete = len(newest.alerts) < ALERTS_ASKED_FOR
        window = state.metrics.time_window_start, state.metrics.time_window_end
        return newest.within(*window) if named else newest

    async def _rollouts(self, state: State) -> SeenRollouts:
        """The canaries that were on in the window. Raises MetricsUnavailable."""
        seen = await self._ask(SeenRollouts, "GET", "/metrics/rollouts", params=of_model(state.query.model_name))
        return seen.within(state.metrics.time_window_start, state.metrics.time_window_end)

    async def _ask(
        self, body: type[Body], method: str, path: str, *, shown: Mapping[str, str] | None = None, **request: Any
    ) -> Body:
        """One request under the deadline, with what its asker has `shown` where it needs a right.

        Raises MetricsUnavailable; InvalidRequest when it is refused (422); UnknownName when nothing has that name.
        """
        try:
            with span(f"{method} {path}", is_client=True) as spanned:
                async with asyncio.timeout(self._timeout_seconds):
                    response = await self._http.request(
                        method, path, headers=trace_headers() | dict(shown or {}), **request
                    )
                spanned.set("http.response.status_code", response.status_code)
            if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise refused(ProblemDetails.model_validate_json(response.content))
            if is_unknown(response):
                raise UnknownName(ProblemDetails.model_validate_json(response.content).detail)
            response.raise_for_status()
            return body.model_validate_json(response.content)
        except (httpx.HTTPError, OSError, TimeoutError, ValidationError) as error:
            log.warning("metrics-service away", path=path, error=str(error) or type(error).__name__)
            raise MetricsUnavailable from error


def refused(problem: ProblemDetails) -> InvalidRequest:
    """What the metrics-service refuses, such as a window in the future, in its own words.

    What was in a query there, was in a body here.
    """
    errors = [
        FieldError(location=re.sub(r"^query\.", "body.", error.location), message=error.message)
        for error in problem.errors or []
    ]
    return InvalidRequest(errors, *filter(None, [problem.detail]))


def is_unknown(response: httpx.Response) -> bool:
    """Whether this is the service's own 404, and not that of a load balancer without anybody behind it."""
    is_problem = response.headers.get("content-type", "").startswith(MEDIA_TYPE)
    return response.status_code == HTTPStatus.NOT_FOUND and is_problem


def json_of(query: BaseModel) -> dict[str, Any]:
    """A query as it is sent."""
    return query.model_dump(mode="json", exclude_none=True)


def of_model(model_name: str | None) -> dict[str, str]:
    """The parameter that asks about one model; none asks about all."""
    return {"model_name": model_name} if model_name else {}
