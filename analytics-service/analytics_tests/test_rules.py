"""What the rules say about numbers, and how much it matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_service.contracts.report import Findings, Severity
from analytics_service.metrics_client.facts import JudgedSets, Quality, SeenAlert, SeenAlerts, SeverityChange
from analytics_service.rules import findings_by_rules
from analytics_service.rules.figures import apart, name_of, number, percent
from analytics_service.testing.metrics_emulator import drift_report
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.parts import facts_of
from analytics_tests.situations import END, Served, Times, facts, window
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftStatus
from shared.contracts.thresholds import Breach, Status

LOW = Breach(threshold="min_confidence_warning", threshold_value=0.6, measured_value=0.54)
SLOW = Breach(threshold="max_inference_time_critical_ms", threshold_value=500, measured_value=750)
USUAL = {"positive": 2000, "negative": 1200, "neutral": 800}


def types(findings: Findings) -> list[str]:
    return [finding.issue_type for finding in findings.identified_issues]


def severities(findings: Findings) -> dict[str, Severity]:
    return {finding.issue_type: finding.severity for finding in findings.identified_issues}


def test_numbers_that_are_well_are_no_issue() -> None:
    findings = findings_by_rules(facts_of(numbers(), numbers()))
    assert types(findings) == []
    assert findings.recommendations == []
    assert findings.root_cause_hypothesis is None
    assert findings.summary.startswith("Normal: no threshold is breached over 400 predictions in the last 60 minutes.")


def test_each_breach_says_by_how_much_and_the_worst_comes_first() -> None:
    now = numbers(confidence=0.54, p95=750, status=Status.CRITICAL, breaches=[LOW, SLOW])
    findings = findings_by_rules(facts_of(now, now))
    slow, low = (issue for issue in findings.identified_issues if issue.issue_type != "long_tail")
    assert (slow.issue_type, slow.severity) == ("slow_inference", Severity.CRITICAL)
    assert "750 ms, 50 % above max_inference_time_critical_ms (500 ms)" in slow.description
    assert (low.issue_type, low.severity) == ("low_confidence", Severity.HIGH)
    assert "0.54, 10 % below min_confidence_warning (0.6)" in low.description
    assert "CPU" in findings.recommendations[0]
    assert findings.root_cause_hypothesis is not None
    assert findings.root_cause_hypothesis.startswith("It is not new: ")


def test_a_breach_that_is_new_is_not_called_old() -> None:
    now = numbers(confidence=0.54, status=Status.WARNING, breaches=[LOW])
    assert findings_by_rules(facts_of(now, numbers(confidence=0.56))).root_cause_hypothesis is None


@pytest.mark.parametrize(
    ("now", "before", "issue", "severity"),
    [
        (numbers(4000, 0.74), numbers(4000, 0.8), "confidence_falling", Severity.MEDIUM),
        (numbers(4000, 0.64), numbers(4000, 0.8), "confidence_falling", Severity.HIGH),
        (numbers(4000, 0.93), numbers(4000, 0.62), "confidence_rising", Severity.LOW),
        (numbers(4000, p95=60), numbers(4000, p95=20), "inference_slowing", Severity.MEDIUM),
        (numbers(4000, p95=150), numbers(4000, p95=20), "inference_slowing", Severity.HIGH),
        (numbers(1000), numbers(400), "traffic_surge", Severity.LOW),
        (numbers(100), numbers(400), "traffic_drop", Severity.MEDIUM),
        (numbers(40), numbers(400), "traffic_drop", Severity.HIGH),
    ],
)
def test_a_change_matters_by_its_effect(
    now: AggregatedMetrics, before: AggregatedMetrics, issue: str, severity: Severity
) -> None:
    assert severities(findings_by_rules(facts_of(now, before))) == {issue: severity}


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (numbers(420, 0.78, 22), numbers()),
        (numbers(40, 0.7), numbers(40, 0.8)),
        (numbers(4000, p95=0.49), numbers(4000, p95=0.2)),
        (numbers(40, p95=60, p50_inference_time_ms=5.0), numbers(40, p95=20)),
        (numbers(20), numbers(45)),
    ],
)
def test_what_is_small_or_may_be_chance_is_no_issue(now: AggregatedMetrics, before: AggregatedMetrics) -> None:
    assert set(types(findings_by_rules(facts_of(now, before)))) <= {"not_enough_data"}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (3, 3900, "3,900 predictions, after 3 in the 60 minutes before."),
        (40, 52_000, "52,000 predictions, 1,300 times the 40 in the 60 minutes before."),
        (0, 31, "31 predictions, after none in the 60 minutes before."),
        (2000, 300, "300 predictions, 85 % fewer than the 2,000 in the 60 minutes before."),
    ],
)
def test_a_change_of_traffic_is_told_in_numbers_for_people(before: int, now: int, told: str) -> None:
    situation = facts(window(Served({"a": now})), window(Served({"a": before})))
    issues = findings_by_rules(situation).identified_issues
    assert [told in issue.description for issue in issues if issue.issue_type.startswith("traffic")] == [True]


def test_time_that_rises_with_traffic_is_put_down_to_traffic() -> None:
    busy = findings_by_rules(facts_of(numbers(total=9000, p95=60), numbers(4000)))
    assert busy.root_cause_hypothesis is not None
    assert "More traffic" in busy.root_cause_hypothesis
    quiet = findings_by_rules(facts_of(numbers(4000, p95=60), numbers(4000)))
    assert quiet.root_cause_hypothesis is not None
    assert "not a surge of traffic" in quiet.root_cause_hypothesis


def test_confidence_that_falls_with_drift_is_put_down_to_the_inputs() -> None:
    now, before = numbers(4000, 0.7), numbers(4000, 0.85)
    drift = drift_report({"label": DriftStatus.SIGNIFICANT, "input_length": DriftStatus.STABLE})
    findings = findings_by_rules(facts_of(now, before, drift=drift))
    assert set(types(findings)) == {"label_drift", "confidence_falling"}
    assert findings.root_cause_hypothesis is not None
    assert "inputs have probably changed" in findings.root_cause_hypothesis


@pytest.mark.parametrize("blind", ["label", "confidence", "input_length"])
def test_drift_that_cannot_be_judged_is_said_and_is_never_no_drift(blind: str) -> None:
    statuses = dict.fromkeys(("label", "confidence", "input_length"), DriftStatus.STABLE)
    drift = drift_report(statuses | {blind: DriftStatus.NOT_ENOUGH_DATA})
    findings = findings_by_rules(facts_of(numbers(4000, 0.7), numbers(4000, 0.85), drift=drift))
    assert f"too few predictions to say whether {blind.replace('_', ' ')} drifted" in findings.summary
    cause = findings.root_cause_hypothesis or ""
    assert ("labels and input lengths show no change" in cause) is (blind == "confidence")
    assert "no drift" not in cause + findings.summary


def test_a_new_version_is_what_changed() -> None:
    before = window(Served(USUAL, 0.62), times=Times(3, 8, 12))
    now = window(Served(USUAL, 0.93, "1.1.0"), times=Times(3, 8, 12))
    findings = findings_by_rules(facts(now, before))
    assert set(types(findings)) == {"confidence_rising", "version_changed"}
    assert findings.root_cause_hypothesis == (
        "Version 1.1.0 of sentiment: since it gives most predictions, the model is surer."
    )
    again = findings_by_rules(facts(window(Served(USUAL, 0.93)), before))
    assert "version_changed" not in types(again)


def test_a_version_of_another_model_explains_nothing() -> None:
    before = window(Served(USUAL, 0.62), Served({"a": 100}, 0.9, "1.0.0", "other"))
    now = window(Served(USUAL, 0.93), Served({"a": 100}, 0.9, "2.0.0", "other"))
    findings = findings_by_rules(facts(now, before))
    assert "Version" not in (findings.root_cause_hypothesis or "")


@pytest.mark.parametrize(
    ("before", "now", "issue"),
    [
        ({"positive": 250, "negative": 150}, {"pos": 255, "neg": 145}, "Labels seem to have other names"),
        ({"positive": 300, "negative": 100}, {"LABEL-1": 105, "LABEL-0": 295}, "Labels seem to have other names"),
        ({"positive": 300, "negative": 100}, {"Positive": 105, "Negative ": 295}, "Labels have other names"),
        ({"positive": 300, "negative": 100}, {"pos": 100, "spam": 300, "ham": 80}, "The labels are others"),
    ],
)
def test_labels_with_other_names_are_told(before: dict[str, int], now: dict[str, int], issue: str) -> None:
    findings = findings_by_rules(facts(window(Served(now, version="2.0.0")), window(Served(before))))
    (told,) = [each for each in findings.identified_issues if each.issue_type == "labels_changed"]
    assert told.description.startswith(issue)
    drifted = "Positive" in now or "spam" in now
    assert ("label_drift" in types(findings)) is drifted
    assert ("with like shares" in told.description) is not drifted


def test_a_model_that_is_surer_than_right_is_told_when_there_is_enough_feedback() -> None:
    now = numbers(confidence=0.9)
    enough = Quality(feedback_count=300, accuracy=0.7, callers=4, is_independent=True)
    little = Quality(feedback_count=5, accuracy=0.2, callers=4, is_independent=True)
    assert severities(findings_by_rules(facts_of(now, now, quality=enough))) == {"overconfident": Severity.HIGH}
    assert types(findings_by_rules(facts_of(now, now, quality=little))) == []


def test_how_sure_of_one_label_a_model_is_proves_nothing_of_sets_that_are_right_as_a_whole() -> None:
    now = numbers(confidence=0.9)
    sets = Quality(feedback_count=300, accuracy=0.7, callers=4, is_independent=True, sets=JudgedSets(judged=300))
    assert types(findings_by_rules(facts_of(now, now, quality=sets))) == []
    wrong = sets.model_copy(update={"accuracy": 0.1})
    assert types(findings_by_rules(facts_of(now, now, quality=wrong))) == ["complaints"]


@pytest.mark.parametrize("count", [1, 2, 34])
def test_open_alerts_are_all_counted_and_the_oldest_is_the_oldest(count: int) -> None:
    since = datetime(2026, 1, 5, 11, 20, tzinfo=UTC)
    newest_first = [
        SeenAlert(
            model_name="sentiment", signal="confidence", severity=Status.WARNING, opened_at=since + timedelta(hours=n)
        )
        for n in reversed(range(count))
    ]
    summary = findings_by_rules(facts_of(numbers(), numbers(), alerts=SeenAlerts(alerts=newest_first))).summary
    assert f"{count} alert" in summary
    assert "since 2026-01-05 11:20 UTC." in summary


def test_a_past_window_tells_its_own_alerts_and_its_own_times() -> None:
    def alert(opened: float, closed: float | None) -> SeenAlert:
        ends = None if closed is None else END - timedelta(minutes=closed)
        begins = END - timedelta(minutes=opened)
        return SeenAlert(model_name="m", signal="drift", severity=Status.WARNING, opened_at=begins, closed_at=ends)

    seen = [alert(-61, None), alert(0, None), alert(30, 10), alert(90, -30), alert(90, 60), alert(300, 200)]
    usual = window(Served(USUAL))
    summary = findings_by_rules(facts(usual, usual, past=True, alerts=seen)).summary
    assert "2 alerts were open in that window, the first (drift of m, warning) from 2026-01-05 16:30 UTC on." in summary
    assert "is breached" not in summary


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ([(90, "warning"), (-5, "critical")], "warning"),
        ([(90, "warning"), (40, "critical"), (20, "warning")], "critical"),
        ([(90, "critical"), (70, "warning")], "warning"),
        ([(90, "critical"), (30, "normal")], "critical"),
    ],
)
def test_an_alert_of_a_past_window_has_the_severity_that_it_had_then(
    changes: list[tuple[float, str]], severity: str
) -> None:
    history = [SeverityChange(severity=Status(word), at=END - timedelta(minutes=ago)) for ago, word in changes]
    last = Status.CRITICAL if severity == "warning" else Status.WARNING
    opened = END - timedelta(minutes=90)
    alert = SeenAlert(model_name="m", signal="drift", severity=last, opened_at=opened, history=history)
    usual = window(Served(USUAL))
    summary = findings_by_rules(facts(usual, usual, past=True, alerts=[alert])).summary
    assert f"1 alert was open in that window, drift of m, {severity}, from 2026-01-05 16:30 UTC on." in summary


def test_few_predictions_are_not_enough_data_but_their_breaches_are_told() -> None:
    now = numbers(total=5, confidence=0.54, status=Status.WARNING, breaches=[LOW])
    findings = findings_by_rules(facts_of(now, numbers()))
    assert types(findings) == ["traffic_drop", "low_confidence", "not_enough_data"]
    assert severities(findings)["low_confidence"] is Severity.MEDIUM
    assert findings.confidence_score < 0.5


def test_an_empty_window_is_not_enough_data() -> None:
    findings = findings_by_rules(facts(window(), window()))
    assert types(findings) == ["not_enough_data"]
    assert findings.summary == "There were no predictions in the last 60 minutes: nothing to judge by."


def test_traffic_that_stopped_is_more_than_not_enough_data() -> None:
    findings = findings_by_rules(facts(window(), window(Served(USUAL))))
    assert severities(findings) == {"traffic_stopped": Severity.HIGH}


def test_labels_that_are_all_the_same_and_a_long_tail_are_told() -> None:
    now = numbers(label_distribution={"positive": 400}, p50_inference_time_ms=9.0, p99_inference_time_ms=90.0)
    assert types(findings_by_rules(facts_of(now, now))) == ["one_sided_labels", "long_tail"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.6, "0.6"), (0.35249, "0.352"), (1300, "1,300"), (1297, "1,300"), (12.44, "12.4"),
     (1e-9, "less than 0.001"), (0.1 + 0.2, "0.3"), (99.96, "100"), (1234567.8, "1,230,000")],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "0 %"), (1, "100 %"), (0.008, "0.8 %"), (0.0001, "less than 0.1 %"), (0.9999, "more than 99.9 %"),
     (0.4967, "50 %"), (0.955, "95.5 %"), (12.4, "1,240 %"), (0.1, "10 %")],
)  # fmt: skip
def test_shares_are_never_nothing_or_all_unless_they_are(part: float, text: str) -> None:
    assert percent(part) == text


def test_two_numbers_are_told_apart() -> None:
    assert apart(0.5999, 0.6) == ("0.5999", "0.6")
    assert apart(0.59999, 0.6) == ("0.59999", "0.6")
    assert apart(0.6, 0.6) == ("0.6", "0.6")


def test_a_label_cannot_change_how_a_sentence_is_read() -> None:
    assert name_of("a`b\n\u202ec") == "`a'b c`"
    assert name_of("\x00") == "`?`"
    assert name_of("x" * 50) == f"`{'x' * 39}…`"


def told_by(findings: Findings, issue: str) -> list[str]:
    return [each.description for each in findings.identified_issues if each.issue_type == issue]


def labelled(*counts: int, prefix: str = "label") -> Served:
    return Served({f"{prefix}-{number:03}": count for number, count in enumerate(counts)})


@pytest.mark.parametrize("callers", [None, 1, 2])
@pytest.mark.parametrize(("judged", "right"), [(400, 0), (400, 150), (40, 0)])
def test_what_one_or_two_strangers_say_proves_nothing(callers: int | None, judged: int, right: int) -> None:
    usual = window(Served({"a": 400}, 0.9))
    findings = findings_by_rules(facts(usual, usual, judged=(judged, right), callers=callers))
    assert not {"overconfident", "complaints"} & set(types(findings))
    (told,) = told_by(findings, "unconfirmed_feedback")
    words = {None: "how many callers gave it is not known", 1: "all of it comes from one caller"}
    assert words.get(callers, "all of it comes from 2 callers") in told
    assert severities(findings)["unconfirmed_feedback"] is Severity.LOW


def test_the_share_of_right_ones_is_one_of_what_the_judgements_count_for() -> None:
    usual = window(Served({"a": 5000}, 0.95))
    findings = findings_by_rules(facts(usual, usual, judged=(1000, 500), weight=203.0))
    (told,) = told_by(findings, "overconfident")
    assert told == (
        "Feedback on 1,000 of 5,000 predictions (20 %) counts for 203, as no caller counts for more than a limit; by "
        "that weight 50 % were right; average confidence was 0.95."
    )
    assert severities(findings)["overconfident"] is Severity.MEDIUM, "the weight, not the number, is what proves"


@pytest.mark.parametrize("labels", [2, 3, 10, 20, 100])
@pytest.mark.parametrize("prefix", ["LABEL", "label_", "Label "])
def test_labels_in_another_spelling_are_renamed_however_many(labels: int, prefix: str) -> None:
    shares = [40 - number % 7 for number in range(labels)]
    before, now = (
        labelled(*shares),
        labelled(*(share + number % 3 for number, share in enumerate(shares)), prefix=prefix),
    )
    findings = findings_by_rules(facts(window(now), window(before)))
    (told,) = told_by(findings, "labels_changed")
    assert told.startswith("Labels have other names: ")
    assert told.endswith(", with like shares.")
    assert "label_drift" not in types(findings)


@pytest.mark.parametrize("labels", [2, 6, 10])
def test_labels_with_names_that_have_nothing_in_common_seem_renamed_by_another_version(labels: int) -> None:
    shares = [40 * 2**number for number in range(labels)]
    now, before = labelled(*shares, prefix="x"), labelled(*shares)
    findings = findings_by_rules(facts(window(replace(now, version="2.0.0")), window(before)))
    (told,) = told_by(findings, "labels_changed")
    assert told.startswith("Labels seem to have other names: ")
    assert "label_drift" not in types(findings)


FLIPS = [
    ({"positive": 60}, {"negative": 60}),
    ({"ok": 1000}, {"fraud": 1000}),
    ({"approve": 1400, "review": 600}, {"reject": 1400, "escalate": 600}),
    ({"a": 500, "b": 300, "c": 200}, {"x": 500, "y": 300, "z": 200}),
    ({"1": 400}, {"-1": 400}),
    ({"+": 300, "0": 100}, {"-": 300, "?": 100}),
    ({"C": 400, "B": 100}, {"C++": 400, "B#": 100}),
    ({"1-2": 300, "3": 100}, {"12": 300, "4": 100}),
]


@pytest.mark.parametrize(("before", "now"), FLIPS)
@pytest.mark.parametrize("pinned", [False, True])
def test_a_version_that_says_something_else_has_renamed_nothing(
    before: dict[str, int], now: dict[str, int], *, pinned: bool
) -> None:
    then, late = window(Served(before)), window(Served(now))
    flipped = facts(late, late if pinned else then, baseline=then if pinned else None, model="sentiment")
    findings = findings_by_rules(flipped)
    assert severities(findings)["label_drift"] is Severity.HIGH
    assert not [told for told in told_by(findings, "labels_changed") if "other names" in told]


ANOTHER = "2.0.0"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((Served({"ok": 900}),), (Served({"fraud": 900}, version=ANOTHER),)),
        ((Served({"a": 450, "b": 450}),), (Served({"x": 451, "y": 449}, version=ANOTHER),)),
        ((Served({"a": 600, "b": 300}),), (Served({"x": 500}, version=ANOTHER), Served({"x": 100, "y": 300}))),
        ((Served({"a": 600, "b": 300}),), (Served({"x": 600, "y": 300}, model="other"),)),
        ((Served({"a": 600, "b": 300, "c": 90}),), (Served({"a": 600, "y": 300, "z": 90}, version=ANOTHER),)),
        (
            (Served({"a": 600, "b": 300}),),
            (Served({"x": 600}, version=ANOTHER), Served({"y": 300}, model="other")),
        ),
    ],
    ids=["one_against_one", "equal_shares", "a_version_that_stayed", "another_model", "knows_one", "two_models"],
)
def test_another_version_has_renamed_labels_only_where_that_is_plausible(
    before: tuple[Served, ...], now: tuple[Served, ...]
) -> None:
    findings = findings_by_rules(facts(window(*now), window(*before)))
    assert severities(findings)["label_drift"] is Severity.HIGH
    assert not [told for told in told_by(findings, "labels_changed") if "other names" in told]


def test_a_version_that_knew_the_labels_of_the_baseline_has_not_renamed_them() -> None:
    knew = window(Served({"a": 600, "b": 300}, version=ANOTHER))
    now, baseline = window(Served({"x": 600, "y": 300}, version=ANOTHER)), window(Served({"a": 600, "b": 300}))
    findings = findings_by_rules(facts(now, knew, baseline=baseline, model="sentiment"))
    assert len(told_by(findings, "label_drift")) == 2
    fresh = findings_by_rules(facts(now, now, baseline=baseline, model="sentiment"))
    assert told_by(fresh, "labels_changed")[0].startswith("Labels seem to have other names")


def test_where_versions_are_not_all_known_nothing_seems_renamed() -> None:
    now, before = window(Served({"x": 600, "y": 300}, version=ANOTHER)), window(Served({"a": 600, "b": 300}))
    known = facts(now, before)
    unknown = replace(known, before=known.before and known.before.model_copy(update={"versions": []}))
    assert "label_drift" not in types(findings_by_rules(known))
    assert severities(findings_by_rules(unknown))["label_drift"] is Severity.HIGH


@pytest.mark.parametrize("labels", [10, 100])
def test_labels_that_are_rare_each_are_missing_together(labels: int) -> None:
    few = [4] * labels
    findings = findings_by_rules(facts(window(labelled(*few, prefix="LABEL")), window(labelled(*few))))
    assert "labels_changed" in types(findings)
    same = findings_by_rules(facts(window(labelled(*few[: labels // 2], 4)), window(labelled(*few))))
    assert all("other names" not in told for told in told_by(same, "labels_changed"))


@pytest.mark.parametrize("prefix", ["LABEL", "label"])
@pytest.mark.parametrize("labels", [3, 20])
def test_a_drift_beside_a_renaming_is_told(prefix: str, labels: int) -> None:
    before = labelled(200, *[60] * (labels - 1))
    now = labelled(20, 600, *[60] * (labels - 2), prefix=prefix)
    findings = findings_by_rules(facts(window(now), window(before)))
    (told,) = told_by(findings, "label_drift")
    assert f"`{prefix}-001`" in told
    assert ("labels with other names counted as the same" in told) is (prefix == "LABEL")


def test_some_labels_with_other_names_hide_no_drift_of_the_others() -> None:
    before = Served({"a": 400, "b": 100, "c": 100, "d": 100})
    now = Served({"a": 100, "b": 400, "C": 100, "D": 100})
    findings = findings_by_rules(facts(window(now), window(before)))
    assert told_by(findings, "labels_changed")[0].startswith("Labels have other names: `C` and `D` instead of `c`")
    assert "labels with other names counted as the same" in told_by(findings, "label_drift")[0]
    quiet = findings_by_rules(facts(window(Served({"a": 401, "b": 99, "C": 101, "D": 100})), window(before)))
    assert "label_drift" not in types(quiet)


@pytest.mark.parametrize(
    ("now", "is_told"),
    [
        ((Served({"a": 400}, 0.70),), False),
        ((Served({"a": 200}, 0.95), Served({"a": 200}, 0.55, "1.0.1")), True),
        ((Served({"a": 360}, 0.85), Served({"a": 80}, 0.25, "1.0.1")), True),
    ],
)
def test_a_fall_of_confidence_silences_drift_that_is_nothing_else(now: tuple[Served, ...], *, is_told: bool) -> None:
    findings = findings_by_rules(facts(window(*now), window(Served({"a": 400}, 0.86))))
    assert "confidence_falling" in types(findings)
    assert ("confidence_drift" in types(findings)) is is_told


def test_versions_that_differ_silence_no_drift() -> None:
    before = window(Served({"a": 200}, 0.75), Served({"a": 200}, 0.75, "1.1.0"))
    now = window(Served({"a": 200}, 0.95), Served({"a": 200}, 0.55, "1.1.0"))
    assert {"versions_differ", "confidence_drift"} <= set(types(findings_by_rules(facts(now, before))))


@pytest.mark.parametrize(
    ("before", "now", "is_told"),
    [
        ((51, 49), (49, 51), False),
        ((10, 9), (9, 10), False),
        ((400, 390), (380, 420), False),
        ((400, 300), (300, 400), True),
    ],
)
def test_a_version_took_over_only_if_chance_does_not_explain_it(
    before: tuple[int, int], now: tuple[int, int], *, is_told: bool
) -> None:
    def both(counts: tuple[int, int]) -> list[Served]:
        return [Served({"a": count}, 0.8, version) for count, version in zip(counts, ("1.0.0", "1.1.0"), strict=True)]

    findings = findings_by_rules(facts(window(*both(now)), window(*both(before))))
    assert ("version_changed" in types(findings)) is is_told


@pytest.mark.parametrize(
    ("shares", "words"),
    [((40, 35, 25), "when 40 % were by 1.0.0"), ((60, 30, 10), "when most (60 %) were by 1.0.0"),
     ((501, 499), "when 50 % were by 1.0.0"), ((100,), "when all were by 1.0.0")],
)  # fmt: skip
def test_most_is_more_than_half(shares: tuple[int, ...], words: str) -> None:
    before = [Served({"a": share * 10}, 0.8, f"1.{number}.0") for number, share in enumerate(shares)]
    findings = findings_by_rules(facts(window(Served({"a": 1000}, 0.8, "2.0.0")), window(*before)))
    assert words in told_by(findings, "version_changed")[0]


def test_drift_from_the_baseline_is_told_where_the_window_before_has_none() -> None:
    usual, moved = window(Served(USUAL)), window(Served({"positive": 600, "negative": 2600, "neutral": 800}))
    findings = findings_by_rules(facts(moved, moved, baseline=usual))
    assert "65 %, 30 % in the baseline `spring`" in told_by(findings, "label_drift")[0]
    assert findings.root_cause_hypothesis == (
        "It has come slowly, or long ago: the 60 minutes before were already like this."
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [([30], ", silenced until 2026-01-05 18:30 UTC."),
     ([30, 90], "; all of them are silenced, the first until 2026-01-05 18:30 UTC."),
     ([None, 45, None], "; 1 of them is silenced, until 2026-01-05 18:45 UTC."), ([None], " UTC.")],
)  # fmt: skip
def test_a_report_says_that_an_alert_is_silenced(minutes: list[int | None], words: str) -> None:
    seen = [
        SeenAlert(
            model_name="m", signal="drift", severity=Status.WARNING, opened_at=END - timedelta(minutes=5),
            silenced_until=END + timedelta(minutes=each) if each else None,
        )
        for each in minutes
    ]  # fmt: skip
    usual = window(Served(USUAL))
    summary = findings_by_rules(facts(usual, usual, alerts=seen)).summary
    assert words in summary
    assert ("silenced" in summary) is (minutes != [None])


BOTH = (Served(USUAL, 0.9, model="m1"), Served(USUAL, 0.6, model="m2"))


@pytest.mark.parametrize(
    ("now", "before", "issue", "cause"),
    [
        (BOTH, BOTH[:1], "model_started", "Model m2 is new in this window: "),
        (BOTH[:1], BOTH, "model_stopped", "Model m2 is gone from this window: "),
        (BOTH[1:], BOTH[:1], "model_started", "Model m1 is gone from this window and model m2 is new in this window: "),
        (
            (BOTH[0], Served({"positive": 20_000, "negative": 12_000, "neutral": 8000}, 0.6, model="m2")),
            BOTH,
            "model_share_moved",
            "Model m2 gives more of all predictions: ",
        ),
    ],
)
def test_other_models_than_before_are_the_cause_and_not_callers(
    now: tuple[Served, ...], before: tuple[Served, ...], issue: str, cause: str
) -> None:
    findings = findings_by_rules(facts(window(*now), window(*before)))
    assert issue in types(findings)
    assert {"confidence_falling", "confidence_rising"} & set(types(findings))
    told = findings.root_cause_hypothesis or ""
    assert told.startswith(cause)
    assert ("each model of both windows by itself" in told) is (len(now + before) > 2)


def test_models_that_changed_by_themselves_are_not_called_like_before() -> None:
    now = window(Served(USUAL, 0.7, model="m1"), BOTH[1])
    told = findings_by_rules(facts(now, window(BOTH[0]))).root_cause_hypothesis or ""
    assert "have changed by themselves, too" in told


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (BOTH, BOTH),
        ((BOTH[0], Served({"a": 5}, 0.6, model="m2")), BOTH[:1]),
        ((Served({"a": 520}, model="m1"), Served({"a": 480}, model="m2")),
         (Served({"a": 480}, model="m1"), Served({"a": 520}, model="m2"))),
    ],
)  # fmt: skip
def test_models_as_before_are_no_news(now: tuple[Served, ...], before: tuple[Served, ...]) -> None:
    assert not [issue for issue in types(findings_by_rules(facts(window(*now), window(*before)))) if "model_" in issue]


@pytest.mark.parametrize("factor", [1.9, 1.5, 1.15])
def test_traffic_that_grew_is_not_ruled_out_as_what_slows(factor: float) -> None:
    then, now = Served({"a": 10_000}), Served({"a": round(10_000 * factor)})
    findings = findings_by_rules(facts(window(now, times=Times(90, 640, 1480)), window(then)))
    assert (findings.root_cause_hypothesis or "").startswith(f"More traffic ({factor} times as much)")


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (940, 540, "both are above the warning threshold of 200 ms."),
        (640, 8, "that is above the warning threshold of 200 ms."),
        (150, 8, "a warning comes at 200 ms."),
    ],
)
def test_a_warning_that_has_come_is_not_announced(now: float, before: float, words: str) -> None:
    usual = Served({"a": 2000})
    late, then = window(usual, times=Times(3, now, 1480)), window(usual, times=Times(3, before, before + 1))
    assert told_by(findings_by_rules(facts(late, then)), "inference_slowing")[0].endswith(words)


@pytest.mark.parametrize(("count", "confidence"), [(31, 0.5), (400, 0.85), (400, 0.5)])
def test_a_version_of_a_few_predictions_moved_nothing(count: int, confidence: float) -> None:
    now = window(Served({"a": 50_000, "b": 49_000}), Served({"a": count}, confidence, "1.1.0"))
    findings = findings_by_rules(facts(now, window(Served({"a": 50_000, "b": 50_000})), model="sentiment"))
    assert "version_changed" in types(findings)
    assert findings.root_cause_hypothesis is None


def test_a_version_of_a_few_predictions_that_explains_all_of_a_small_drift_is_named() -> None:
    now = window(Served({"a": 50_000, "b": 49_000}), Served({"a": 3000}, 0.2, "1.1.0"))
    findings = findings_by_rules(facts(now, window(Served({"a": 50_000, "b": 50_000})), model="sentiment"))
    assert "confidence_drift" in types(findings)
    assert (findings.root_cause_hypothesis or "").startswith("Version 1.1.0 of sentiment may be what moved")


@pytest.mark.parametrize("weight", [35.0, 20.0, None])
def test_what_many_say_of_all_is_not_low_and_there_are_no_others(weight: float | None) -> None:
    usual = window(Served({"a": 300, "b": 300}, 0.9))
    findings = findings_by_rules(facts(usual, usual, judged=(600, 0), callers=7, weight=weight))
    (issue,) = findings.identified_issues
    assert issue.severity in (Severity.MEDIUM, Severity.HIGH)
    assert "of the others" not in issue.description


@pytest.mark.parametrize(("value", "text"), [(0.9996, "0.9996"), (0.99951, "0.9995"), (0.999999, "0.999999"), (1, "1")])
def test_what_is_less_than_one_is_not_printed_as_one(value: float, text: str) -> None:
    assert number(value) == text
