"""When an alert opens, changes and closes; pure.

A status that worsens counts at once. One that gets better counts once the measured value is better than the threshold
by a margin (hysteresis), so that a value which wavers around its threshold is one alert. After an alert has closed, the
same trouble opens no new one until the cool-down is over; worse trouble does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.metrics import Status

ORDER = (Status.NORMAL, Status.WARNING, Status.CRITICAL)


class Signal(StrEnum):
    """What an alert can be about; of each model at most one alert per signal is open."""

    CONFIDENCE = "confidence"
    INFERENCE_TIME = "inference_time"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold by its name."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value and the limits it is held against; `falling`: trouble is below the limits, not above."""

    signal: Signal
    measured: float
    warning: Limit
    critical: Limit
    falling: bool = False

    def severity(self, margin: float = 0.0) -> Status:
        """The verdict, with limits that are met earlier by `margin` (a share of the way to the best value)."""
        if self.beyond(self.critical, margin):
            return Status.CRITICAL
        return Status.WARNING if self.beyond(self.warning, margin) else Status.NORMAL

    def beyond(self, limit: Limit, margin: float) -> bool:
        """Whether the value is on the wrong side: of 1 the best is 1, of times and distances it is 0."""
        if self.falling:
            return self.measured < limit.value + margin * (1 - limit.value)
        return self.measured > limit.value * (1 - margin)

    def limit(self, severity: Status) -> Limit:
        """The limit that a severity is about."""
        return self.critical if severity is Status.CRITICAL else self.warning


class Alert(BaseModel):
    """Trouble with one model, from when it was seen until it was over."""

    model_config = ConfigDict(protected_namespaces=())

    alert_id: UUID
    model_name: str
    signal: Signal
    severity: Status
    threshold: str = Field(description="The threshold that is met, e.g. `min_confidence_warning`, `psi_moderate`")
    threshold_value: float
    measured_value: float = Field(description="The value when the severity last changed")
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None = Field(None, description="null: it is still open")


class EventType(StrEnum):
    """What happens to alerts."""

    OPENED = "alert.opened"
    ESCALATED = "alert.escalated"
    EASED = "alert.eased"
    CLOSED = "alert.closed"


class AlertEvent(BaseModel):
    """One thing that happened to an alert; delivered at least once, always with the same id."""

    event_id: UUID
    type: EventType
    occurred_at: datetime
    previous_severity: Status
    alert: Alert


@dataclass(frozen=True, slots=True)
class Policy:
    """How eager alerts are."""

    margin: float
    cooldown: timedelta


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at, and how often."""

    interval_seconds: float
    window_minutes: int
    min_predictions: int
    drift_window_minutes: int
    drift_reference_minutes: int


def next_severity(reading: Reading, newest: Alert | None, policy: Policy, now: datetime) -> Status:
    """The severity from now on; NORMAL: no alert. `newest`: the last alert of this model and signal, open or closed."""
    measured = reading.severity()
    if newest is None:
        return measured
    if newest.closed_at is None:
        return max(measured, min(newest.severity, reading.severity(policy.margin), key=ORDER.index), key=ORDER.index)
    cooling = now < newest.closed_at + policy.cooldown
    worse = ORDER.index(measured) > ORDER.index(newest.severity)
    return measured if worse or not cooling else Status.NORMAL


def event_type(before: Status, after: Status) -> EventType | None:
    """What a change of severity is called; None: nothing happened."""
    if before is after:
        return None
    if before is Status.NORMAL:
        return EventType.OPENED
    if after is Status.NORMAL:
        return EventType.CLOSED
    return EventType.ESCALATED if ORDER.index(after) > ORDER.index(before) else EventType.EASED
