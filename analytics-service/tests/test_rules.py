"""What the rules say about numbers."""

from datetime import UTC, datetime

import pytest
from parts import facts_of

from analytics_service.facts import OpenAlert, OpenAlerts, Quality
from analytics_service.report import Findings, Severity
from analytics_service.rules import findings_by_rules
from analytics_service.testing.metrics_emulator import drift_report
from analytics_service.testing.metrics_emulator import metrics as numbers
from shared.contracts.metrics import Breach, DriftStatus, Status

LOW = Breach(threshold="min_confidence_warning", threshold_value=0.6, measured_value=0.54)
SLOW = Breach(threshold="max_inference_time_critical_ms", threshold_value=500, measured_value=750)


def types(findings: Findings) -> list[str]:
    return [finding.issue_type for finding in findings.identified_issues]


def test_numbers_that_are_well_are_no_issue() -> None:
    findings = findings_by_rules(facts_of(numbers(), numbers()))
    assert types(findings) == []
    assert findings.recommendations == []
    assert findings.root_cause_hypothesis is None
    assert findings.summary.startswith("Normal: no threshold is breached over 400 predictions in the last 60 minutes.")


def test_each_breach_says_by_how_much_and_the_worst_comes_first() -> None:
    now = numbers(confidence=0.54, p95=750, status=Status.CRITICAL, breaches=[LOW, SLOW])
    findings = findings_by_rules(facts_of(now, now))
    slow, low = findings.identified_issues
    assert (slow.issue_type, slow.severity) == ("slow_inference", Severity.CRITICAL)
    assert "750.0 ms, is 50% above max_inference_time_critical_ms (500)" in slow.description
    assert (low.issue_type, low.severity) == ("low_confidence", Severity.HIGH)
    assert "0.540 is 10% below min_confidence_warning (0.6)" in low.description
    assert len(findings.recommendations) == 2
    assert "CPU" in findings.recommendations[0]
    assert findings.root_cause_hypothesis == "The state is not new: the window before looks the same."


@pytest.mark.parametrize(
    ("now", "before", "issue"),
    [
        (numbers(confidence=0.74), numbers(confidence=0.8), "confidence_falling"),
        (numbers(p95=30), numbers(p95=20), "inference_slowing"),
        (numbers(total=1000), numbers(total=400), "traffic_surge"),
        (numbers(total=100), numbers(total=400), "traffic_drop"),
    ],
)
def test_a_change_against_the_window_before_is_told(now: object, before: object, issue: str) -> None:
    assert types(findings_by_rules(facts_of(now, before))) == [issue]


def test_small_changes_are_not() -> None:
    now, before = numbers(total=420, confidence=0.78, p95=22), numbers()
    assert types(findings_by_rules(facts_of(now, before))) == []


def test_time_that_rises_with_traffic_is_put_down_to_traffic() -> None:
    busy = findings_by_rules(facts_of(numbers(total=1000, p95=60), numbers()))
    assert busy.root_cause_hypothesis is not None
    assert "More traffic" in busy.root_cause_hypothesis
    quiet = findings_by_rules(facts_of(numbers(p95=60), numbers()))
    assert quiet.root_cause_hypothesis is not None
    assert "not traffic" in quiet.root_cause_hypothesis


def test_confidence_that_falls_with_drift_is_put_down_to_the_inputs() -> None:
    now, before = numbers(confidence=0.7), numbers(confidence=0.85)
    drift = drift_report({"label": DriftStatus.SIGNIFICANT, "input_length": DriftStatus.STABLE})
    findings = findings_by_rules(facts_of(now, before, drift=drift))
    assert set(types(findings)) == {"label_drift", "confidence_falling"}
    assert findings.root_cause_hypothesis == "The inputs have changed: they drifted while confidence fell."


def test_a_model_that_is_surer_than_right_is_told_when_there_is_enough_feedback() -> None:
    now = numbers(confidence=0.9)
    enough, little = Quality(feedback_count=100, accuracy=0.7), Quality(feedback_count=5, accuracy=0.2)
    assert types(findings_by_rules(facts_of(now, now, quality=enough))) == ["overconfident"]
    assert types(findings_by_rules(facts_of(now, now, quality=little))) == []


def test_open_alerts_are_in_the_summary() -> None:
    since = datetime(2026, 1, 5, 11, 20, tzinfo=UTC)
    alert = OpenAlert(model_name="sentiment", signal="confidence", severity=Status.WARNING, opened_at=since)
    findings = findings_by_rules(facts_of(numbers(), numbers(), alerts=OpenAlerts(alerts=[alert])))
    assert "Open alerts: 1, the oldest since 2026-01-05 11:20 UTC." in findings.summary


def test_few_predictions_are_not_enough_data_but_their_breaches_are_told() -> None:
    now = numbers(total=5, confidence=0.54, status=Status.WARNING, breaches=[LOW])
    findings = findings_by_rules(facts_of(now, numbers()))
    assert types(findings) == ["low_confidence", "not_enough_data"]
    assert findings.confidence_score < 0.5


def test_an_empty_window_is_not_enough_data() -> None:
    empty = numbers(total=0).model_copy(
        update={"average_confidence": None, "p95_inference_time_ms": None, "label_distribution": {}}
    )
    findings = findings_by_rules(facts_of(empty, empty))
    assert types(findings) == ["not_enough_data"]
    assert "not enough data" in findings.summary


def test_traffic_that_stopped_is_more_than_not_enough_data() -> None:
    findings = findings_by_rules(facts_of(numbers(total=0), numbers(total=400)))
    assert types(findings) == ["traffic_stopped"]


def test_labels_that_are_all_the_same_and_a_long_tail_are_told() -> None:
    now = numbers(label_distribution={"positive": 400}, p50_inference_time_ms=2.0, p99_inference_time_ms=40.0)
    assert types(findings_by_rules(facts_of(now, now))) == ["one_sided_labels", "long_tail"]
