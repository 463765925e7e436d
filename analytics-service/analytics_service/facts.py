"""What the metrics-service knows about a question; pure."""

from dataclasses import dataclass

from shared.contracts.metrics import AggregatedMetrics, MetricsQuery, ThresholdProfile


@dataclass(frozen=True, slots=True)
class State:
    """The numbers of the window as they are now, and the thresholds that judged them."""

    query: MetricsQuery
    metrics: AggregatedMetrics
    thresholds: ThresholdProfile


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an analyst is told. `before`: the window of equal length just before; None when it is not known."""

    now: AggregatedMetrics
    before: AggregatedMetrics | None
    thresholds: ThresholdProfile
    minutes: int
