"""What the metrics-service knows about a question; pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from analytics_service.contracts.question import ReportQuery
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics
from shared.contracts.drift import DriftReport
from shared.contracts.guards import RolloutReading
from shared.contracts.thresholds import Status, ThresholdProfile


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
    silenced_until: datetime | None = None
    """Until when nobody is told of it; None: they are."""

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


class JudgedSets(BaseModel):
    """Judgements of whole sets of labels; the metrics-service says more."""

    judged: int


class Quality(BaseModel):
    """How often predictions of the window were right, as far as there is feedback, and whose word that is."""

    feedback_count: int
    weight: float | None = None
    """What the judgements count for: no stranger counts for more than a limit. None: each counts in full."""
    accuracy: float | None
    """The share of right ones, by weight."""
    sets: JudgedSets | None = None
    """Those that are of whole sets of labels, right if no label is missing or too many; None: none is."""
    callers: int | None = None
    """How many gave feedback; None: not known."""
    is_independent: bool = False
    """Whether it is more than one or two strangers' word: as long as nobody says so, it is not."""

    @property
    def counts_for(self) -> float:
        """The weight of all judgements."""
        return self.feedback_count if self.weight is None else min(self.weight, self.feedback_count)

    @property
    def is_of_sets(self) -> bool:
        """Whether some judgements are of whole sets of labels, of which no confidence says how sure the model was."""
        return self.sets is not None

    @property
    def is_plain(self) -> bool:
        """Whether each judgement counts in full, so that the share of right ones is one of judgements."""
        return abs(self.counts_for - self.feedback_count) < 0.5


class Baseline(BaseModel):
    """A pinned baseline of a model; the metrics-service says more."""

    name: str
    watched: bool = True
    pinned_at: datetime


class Baselines(BaseModel):
    """What a model's windows can be compared with, whenever they are."""

    baselines: list[Baseline]

    def chosen(self) -> str | None:
        """The one that reports compare with: the newest of those that are watched, else the newest."""
        newest = max(self.baselines, key=lambda each: (each.watched, each.pinned_at), default=None)
        return newest.name if newest else None


class SeenRollouts(BaseModel):
    """The canaries of the window: on at some time in it."""

    rollouts: list[RolloutReading]

    def within(self, start: datetime, end: datetime) -> "SeenRollouts":
        """Those that were on within a window; of one that lasted beyond it nothing is known as it was then."""
        return SeenRollouts(
            rollouts=[
                one for one in self.rollouts
                if one.started_at < end and (one.ended_at is None or start < one.ended_at <= end)
            ]
        )  # fmt: skip


class SeenVersionOfKey(BaseModel):
    """What one version of a model did for a key."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    predictions: int
    average_confidence: float | None
    average_inference_time_ms: float

    def as_of_a_window(self) -> VersionMetrics:
        """The same in the form that versions of a window have."""
        return VersionMetrics(total_predictions=self.predictions, **self.model_dump(exclude={"predictions"}))


class SeenKey(BaseModel):
    """What the predictions of a key came to in whole hours: counts and averages, and no more than that."""

    predictions: int
    versions: list[SeenVersionOfKey]
    time_window_start: datetime
    time_window_end: datetime

    def as_window(self, model_name: str | None) -> AggregatedMetrics:
        """The same in the form that a window has: what is not kept by key is null, empty or, as a status, `normal`."""
        sure = [each for each in self.versions if each.average_confidence is not None]
        return AggregatedMetrics(
            total_predictions=self.predictions,
            average_confidence=weighted([(each.average_confidence or 0.0, each.predictions) for each in sure]),
            average_inference_time_ms=weighted(
                [(each.average_inference_time_ms, each.predictions) for each in self.versions]
            ),
            versions=[each.as_of_a_window() for each in self.versions],
            model_name=model_name,
            time_window_start=self.time_window_start,
            time_window_end=self.time_window_end,
        )


def weighted(parts: list[tuple[float, int]]) -> float | None:
    """The average over parts of so many predictions each, as if all of a part had what is averaged."""
    if len(parts) == 1:
        return parts[0][0]
    total = sum(count for _, count in parts)
    return sum(average * count for average, count in parts) / total if total else None


KEPT_BY_KEY = {"model_name", "model_version", "total_predictions", "average_confidence", "average_inference_time_ms"}
"""What of a version is known by key as well."""


def comparable_part(metrics: AggregatedMetrics) -> AggregatedMetrics:
    """What of the numbers of a window there is by key as well: counts and averages, in all and by version."""
    return AggregatedMetrics(
        total_predictions=metrics.total_predictions,
        average_confidence=metrics.average_confidence,
        average_inference_time_ms=metrics.average_inference_time_ms,
        versions=[VersionMetrics(**each.model_dump(include=KEPT_BY_KEY)) for each in metrics.versions],
        model_name=metrics.model_name,
        time_window_start=metrics.time_window_start,
        time_window_end=metrics.time_window_end,
    )


@dataclass(frozen=True, slots=True)
class State:
    """The numbers of the window as they are now, and the thresholds that judged them."""

    query: ReportQuery
    metrics: AggregatedMetrics
    """Of the key, where the question is about one."""
    thresholds: ThresholdProfile
    all_callers: AggregatedMetrics | None = None
    """Of the same hours and model, whoever asked; None: the question is not about a key."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an analyst is told. What is None could not be found out in time; a report goes without."""

    state: State
    before: AggregatedMetrics | None = None
    """The window of equal length just before."""
    drift: DriftReport | None = None
    """From that window."""
    pinned: DriftReport | None = None
    """From the pinned baseline, for a model that has one."""
    quality: Quality | None = None
    alerts: SeenAlerts | None = None
    rollouts: SeenRollouts | None = None

    @property
    def now(self) -> AggregatedMetrics:
        """The numbers of the window."""
        return self.state.metrics

    @property
    def all_callers(self) -> AggregatedMetrics | None:
        """What a key is compared with; None: the question is not about a key."""
        return self.state.all_callers

    @property
    def windows(self) -> tuple[AggregatedMetrics, ...]:
        """All numbers in the form of a window that are told; of all callers beside a key only what a key has too."""
        beside = comparable_part(self.all_callers) if self.all_callers else None
        return tuple(filter(None, (self.now, self.before, beside)))

    @property
    def minutes(self) -> int:
        """The length of the window."""
        return self.state.query.time_window_minutes
