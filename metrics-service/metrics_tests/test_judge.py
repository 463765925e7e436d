"""The one judge: a value against a warning and a critical limit, for the status of a window and for alerts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_service.thresholds.judge import (
    SEVERITIES,
    Limit,
    Limits,
    confidence_limits,
    inference_time_limits,
    judge,
)
from shared.contracts.thresholds import Status, Thresholds

NORMAL, WARNING, CRITICAL = Status
shares = st.floats(0, 1)
milliseconds = st.floats(0.001, 3_600_000)


@pytest.mark.parametrize(
    ("confidence", "milliseconds", "status", "breached"),
    [
        (None, None, NORMAL, []),
        (0.6, 200, NORMAL, []),  # a limit itself is no trouble
        (0.59, None, WARNING, ["min_confidence_warning"]),
        (0.39, 201, CRITICAL, ["min_confidence_critical", "max_inference_time_warning_ms"]),
        (0.4, 501, CRITICAL, ["min_confidence_warning", "max_inference_time_critical_ms"]),
    ],
)
def test_each_value_names_the_worst_threshold_that_it_is_beyond(
    confidence: float | None, milliseconds: float | None, status: Status, breached: list[str]
) -> None:
    found, breaches = judge(confidence, milliseconds, Thresholds())
    assert (found, [breach.threshold for breach in breaches]) == (status, breached)
    of_name = Thresholds().model_dump()
    assert all(breach.threshold_value == of_name[breach.threshold] for breach in breaches)


@given(shares, milliseconds)
def test_the_status_of_a_window_is_the_worst_that_alerts_would_say(confidence: float, time_ms: float) -> None:
    thresholds = Thresholds()
    severities = [
        confidence_limits(thresholds).severity(confidence),
        inference_time_limits(thresholds).severity(time_ms),
    ]
    status, breaches = judge(confidence, time_ms, thresholds)
    assert status is max(severities, key=SEVERITIES.index)
    assert len(breaches) == sum(severity is not NORMAL for severity in severities)


@given(shares, shares, shares, st.floats(0, 0.5), st.booleans())
def test_a_margin_never_makes_a_verdict_milder(
    measured: float, one: float, other: float, margin: float, falling: bool
) -> None:
    low, high = Limit("low", min(one, other)), Limit("high", max(one, other))
    limits = Limits(high, low, falling=True) if falling else Limits(low, high)
    strict, plain = limits.severity(measured, margin), limits.severity(measured)
    assert SEVERITIES.index(strict) >= SEVERITIES.index(plain)
