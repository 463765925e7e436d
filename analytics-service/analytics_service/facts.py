"""What the metrics-service knows about a question; pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from shared.contracts.metrics import AggregatedMetrics, DriftReport, MetricsQuery, Status, ThresholdProfile


class OpenAlert(BaseModel):
    """What a report tells of an open alert; the metrics-service says more."""

    model_name: str
    signal: str
    severity: Status
    opened_at: datetime


class OpenAlerts(BaseModel):
    """The alerts that are open now, newest first."""

    alerts: list[OpenAlert]


class Quality(BaseModel):
    """How often predictions of the window were right, as far as there is feedback."""

    feedback_count: int
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class State:
    """The numbers of the window as they are now, and the thresholds that judged them."""

    query: MetricsQuery
    metrics: AggregatedMetrics
    thresholds: ThresholdProfile


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an analyst is told. What is None could not be found out in time; a report goes without."""

    state: State
    before: AggregatedMetrics | None = None
    """The window of equal length just before."""
    drift: DriftReport | None = None
    quality: Quality | None = None
    alerts: OpenAlerts | None = None

    @property
    def now(self) -> AggregatedMetrics:
        """The numbers of the window."""
        return self.state.metrics

    @property
    def minutes(self) -> int:
        """The length of the window."""
        return self.state.query.time_window_minutes
