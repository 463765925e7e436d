"""What the metrics-service knows about a question; pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from shared.contracts.metrics import AggregatedMetrics, DriftReport, MetricsQuery, Status, ThresholdProfile


class SeverityChange(BaseModel):
    """What an alert's severity became, and when; `normal`: it closed."""

    severity: Status
    at: datetime


class SeenAlert(BaseModel):
    """What a report tells of an alert; the metrics-service says more."""

    model_name: str
    signal: str
    severity: Status
    opened_at: datetime
    closed_at: datetime | None = None
    history: list[SeverityChange] = []

    def within(self, start: datetime, end: datetime) -> "SeenAlert":
        """The alert with the worst severity that it had in a window, as far as its history tells."""
        before = [change.severity for change in self.history if change.at <= start][-1:]
        had = before + [change.severity for change in self.history if start < change.at < end]
        return self.model_copy(update={"severity": max(had, key=list(Status).index)}) if had else self


class SeenAlerts(BaseModel):
    """The alerts of the window: those that are open now, or, for a window named by its end, were open within it."""

    alerts: list[SeenAlert]
    complete: bool = True
    """Whether these are all; the metrics-service gives out the newest ones up to a number."""

    def within(self, start: datetime, end: datetime) -> "SeenAlerts":
        """Those that were open within a window."""
        overlapping = [
            alert.within(start, end)
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
