"""When an alert opens, changes and closes."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from metrics_service.alerts.alert import Alert, Signal
from metrics_service.alerts.rules import Policy, Reading, event_type, next_severity
from metrics_service.thresholds.judge import Limit, Limits
from shared.contracts.thresholds import Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = Policy(margin=0.05, cooldown=timedelta(minutes=5))
NORMAL, WARNING, CRITICAL = Status


def time_of(milliseconds: float) -> Reading:
    return Reading(Signal.INFERENCE_TIME, milliseconds, Limits(Limit("warning", 200), Limit("critical", 500)))


def confidence_of(share: float) -> Reading:
    return Reading(Signal.CONFIDENCE, share, Limits(Limit("warning", 0.6), Limit("critical", 0.4), falling=True))


def alert(severity: Status, closed_ago: timedelta | None = None) -> Alert:
    return Alert(
        alert_id=uuid4(),
        model_name="a",
        signal=Signal.INFERENCE_TIME,
        severity=severity,
        threshold="warning",
        threshold_value=200,
        measured_value=250,
        opened_at=NOW - timedelta(hours=1),
        changed_at=NOW - timedelta(hours=1),
        closed_at=None if closed_ago is None else NOW - closed_ago,
    )


@pytest.mark.parametrize(
    ("reading", "severity"),
    [
        (time_of(200), NORMAL),
        (time_of(201), WARNING),
        (time_of(501), CRITICAL),
        (confidence_of(0.6), NORMAL),
        (confidence_of(0.59), WARNING),
        (confidence_of(0.39), CRITICAL),
    ],
)
def test_without_an_alert_the_thresholds_decide(reading: Reading, severity: Status) -> None:
    assert next_severity(reading, None, POLICY, NOW) is severity


@pytest.mark.parametrize(
    ("milliseconds", "before", "after"),
    [
        (501, WARNING, CRITICAL),
        (499, CRITICAL, CRITICAL),
        (474, CRITICAL, WARNING),
        (199, WARNING, WARNING),
        (195, CRITICAL, WARNING),
        (189, WARNING, NORMAL),
        (189, CRITICAL, NORMAL),
    ],
)
def test_worse_counts_at_once_and_better_beyond_the_margin(milliseconds: float, before: Status, after: Status) -> None:
    assert next_severity(time_of(milliseconds), alert(before), POLICY, NOW) is after


@pytest.mark.parametrize(("share", "after"), [(0.61, WARNING), (0.62, NORMAL)])
def test_confidence_recovers_upwards(share: float, after: Status) -> None:
    assert next_severity(confidence_of(share), alert(WARNING), POLICY, NOW) is after


@pytest.mark.parametrize(
    ("milliseconds", "closed", "ago", "after"),
    [
        (250, WARNING, timedelta(minutes=4), NORMAL),
        (250, WARNING, timedelta(minutes=5), WARNING),
        (250, CRITICAL, timedelta(minutes=4), NORMAL),
        (550, WARNING, timedelta(minutes=4), CRITICAL),
        (550, CRITICAL, timedelta(minutes=4), NORMAL),
    ],
)
def test_within_the_cool_down_only_worse_trouble_opens_an_alert(
    milliseconds: float, closed: Status, ago: timedelta, after: Status
) -> None:
    assert next_severity(time_of(milliseconds), alert(closed, closed_ago=ago), POLICY, NOW) is after


def test_a_threshold_of_full_confidence_can_be_recovered_from() -> None:
    reading = Reading(Signal.CONFIDENCE, 1.0, Limits(Limit("warning", 1.0), Limit("critical", 0.4), falling=True))
    assert next_severity(reading, alert(WARNING), POLICY, NOW) is NORMAL


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (NORMAL, WARNING, "alert.opened"),
        (WARNING, CRITICAL, "alert.escalated"),
        (CRITICAL, WARNING, "alert.eased"),
        (CRITICAL, NORMAL, "alert.closed"),
        (WARNING, WARNING, None),
    ],
)
def test_events_are_named_by_what_happened(before: Status, after: Status, name: str | None) -> None:
    assert event_type(before, after) == name
