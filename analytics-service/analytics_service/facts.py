"""What the metrics-service knows about a question; pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from shared.contracts.metrics import AggregatedMetrics, DriftReport, MetricsQuery, Status, ThresholdProfile


class SeenAlert(BaseModel):
    """What a report tells of an alert; the metrics-service says more."""

    model_name: str
    signal: str
    severity: Status
    opened_at: datetime
    closed_at: datetime | None = None


class SeenAlerts(BaseModel):
    """The alerts of the window: those that are open now, or, for a window named by its end, were open within it."""

    alerts: list[SeenAlert]
    complete: bool = True
    """Whether these are all; the metrics-service gives out the newest ones up to a number."""

    def within(self, start: datetime, end: datetime) -> "SeenAlerts":
        """Those that were open within a window."""
        overlapping = [
            alert
            for alert in self.alerts
            if alert.opened_at < end and (alert.closed_at is None or alert.closed_at > start)
        ]
        return SeenAlerts(alerts=overlapping, complete=self.complete)


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
    alerts: SeenAlerts | None = None

    @property
    def now(self) -> AggregatedMetrics:
        """The numbers of the window."""
        return self.state.metrics

    @property
    def minutes(self) -> int:
        """The length of the window."""
        return self.state.query.time_window_minutes
