"""When an alert opens, changes and closes; pure.

A status that worsens counts at once. One that gets better counts once the measured value is better than the threshold
by a margin (hysteresis), so that a value which wavers around its threshold is one alert. After an alert has closed, the
same trouble opens no new one until the cool-down is over; worse trouble does. What a value rests on must be certain to
open an alert; to keep one open it need only be likely.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics_service.alerts.alert import Alert, EventType, Evidence, Signal
from metrics_service.thresholds.judge import SEVERITIES, Limits
from shared.contracts.thresholds import Status


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value and the limits it is held against.

    `worst`: more is not said of it, however far the value is beyond the limits. `cools`: whether the same trouble
    soon after is no news; what happens once and does not waver always is.
    """

    signal: Signal
    measured: float
    limits: Limits
    about: str = ""
    is_sure: bool = True
    worst: Status = Status.CRITICAL
    cools: bool = True

    def severity(self) -> Status:
        """The verdict; what is not sure is no trouble yet."""
        return self.against_limits(0.0) if self.is_sure else Status.NORMAL

    def against_limits(self, margin: float) -> Status:
        """The verdict of the limits, met earlier by `margin`, whether it is sure or not."""
        return min(self.limits.severity(self.measured, margin), self.worst, key=SEVERITIES.index)

    def evidence(self, severity: Status, at: datetime) -> Evidence:
        """What speaks for a severity."""
        limit = self.limits.limit(severity)
        return Evidence(
            at=at,
            severity=severity,
            threshold=limit.name,
            threshold_value=limit.value,
            measured_value=self.measured,
            about=self.about,
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """How eager alerts are."""

    margin: float
    cooldown: timedelta


def next_severity(reading: Reading, newest: Alert | None, policy: Policy, now: datetime) -> Status:
    """The severity from now on; NORMAL: no alert. `newest`: the last alert of this model and signal, open or closed."""
    measured = reading.severity()
    if newest is None:
        return measured
    if newest.closed_at is None:
        held = min(newest.severity, reading.against_limits(policy.margin), key=SEVERITIES.index)
        return max(measured, held, key=SEVERITIES.index)
    cooling = reading.cools and now < newest.closed_at + policy.cooldown
    worse = SEVERITIES.index(measured) > SEVERITIES.index(newest.severity)
    return measured if worse or not cooling else Status.NORMAL


def event_type(before: Status, after: Status) -> EventType | None:
    """What a change of severity is called; None: nothing happened."""
    if before is after:
        return None
    if before is Status.NORMAL:
        return EventType.OPENED
    if after is Status.NORMAL:
        return EventType.CLOSED
    return EventType.ESCALATED if SEVERITIES.index(after) > SEVERITIES.index(before) else EventType.EASED
