"""What Gemini says is held against the facts: what they do not bear out is struck out, what they do stays."""

import json

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from analytics_service.contracts.report import Finding, Findings, Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules import findings_by_rules
from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator, saying
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_service.truth.striking_out import Check, NothingLeftError, true_part
from analytics_tests.golden_reports import SITUATIONS, alert
from analytics_tests.service import analyze, client_of, settings_for
from analytics_tests.situations import Served, Times, facts, window
from analytics_tests.test_sentences_are_true import later, windows
from shared.contracts.thresholds import Breach, Status
from shared.testing.redis import RedisServer


def struck_out(situation: Facts, sentence: str) -> bool:
    return not Check(situation).kept(sentence)


NOT_TOLD = "labels with other names counted as the same"
"""An index that rules compute and Gemini is not told."""


@pytest.mark.parametrize("name", sorted(SITUATIONS.keys() - {"renamed_labels_and_drift"}))
def test_true_sentences_stay(name: str) -> None:
    situation = SITUATIONS[name]()
    report = findings_by_rules(situation)
    kept, faults = true_part(report, situation)
    assert (kept, faults) == (report, [])


@pytest.mark.timeout(180)
@seed(20260105)
@settings(max_examples=150)
@given(st.data())
def test_of_whatever_happened_true_sentences_stay(data: st.DataObject) -> None:
    before = data.draw(windows())
    now = data.draw(later(before))
    situation = facts(now, before, judged=(now.total, now.total // 3) if now.total else None)
    check = Check(situation)
    for issue in findings_by_rules(situation).identified_issues:
        assert NOT_TOLD in issue.description or check.kept(issue.description) == issue.description, check.faults


TWO_MODELS = facts(
    window(
        Served({"positive": 100}, version="1.1.0"),
        Served({"positive": 1000}, confidence=0.99999),
        Served({"positive": 1900}, confidence=0.99999, model="other"),
        times=Times(0.99999, 1.00001, 20.0),
    ),
    window(Served({"positive": 3000})),
)


@pytest.mark.parametrize(
    "sentence",
    [
        "Model sentiment gave 37 % of all predictions, 100 % in the 60 minutes before.",
        "Model sentiment gave 1,100 predictions.",
        "Model other gave 63 % of all predictions.",
        "The slowest 1 % of inferences took 20 ms or more, half of all at most 0.99999 ms.",
        "95 % of all inferences took at most 1.00001 ms.",
        "Version 1.0.0 of model other: average confidence was 0.99999.",
    ],
)
def test_models_as_a_whole_and_times_as_they_were_measured_may_be_told(sentence: str) -> None:
    check = Check(TWO_MODELS)
    assert check.kept(sentence) == sentence, check.faults


def test_a_share_of_no_model_is_struck_out() -> None:
    assert struck_out(TWO_MODELS, "Model sentiment gave 22 % of all predictions.")
    assert struck_out(TWO_MODELS, "Half of all inferences took at most 0.98 ms.")


SAID = {
    "inputs_have_changed": (
        [
            "Average confidence dropped from 0.86 to 0.55, a decline of 36%.",
            "Average confidence fell by 0.31 (about 31 percentage points).",
            "Confidence is 0.05 below the warning threshold of 0.6, i.e. 8.3% below it.",
            "The label 'negative' now makes up 72.5% of the 400 predictions, up from 30%.",
            "72% of predictions are negative, more than double the previous share.",
            "Latency is within thresholds, with a p95 of 8 ms against a limit of 200 ms.",
            "Input lengths have shifted strongly (PSI 10.7), and so have labels (0.825).",
            "The status is not healthy.",
            "p50 latency is 3 ms, p95 8 ms and p99 12 ms, all well below the 200 ms threshold.",
            "PSI of 0.825 exceeds the chance level of 0.025 by a factor of 33.",
            "Negative predictions increased from 120 to 290, i.e. by 142%.",
            "Input length distribution shifted: 95% of inputs are now 512-1023 characters long.",
            "Confidence dropped by more than 30 percentage points (p < 0.001).",
            "Once confidence is within thresholds again, close the alert.",
            "The service is no longer healthy: two alerts are open.",
            "There are no other issues.",
            "Version 1.0.0 served all predictions, so no new version explains it.",
            "Traffic is stable at 400 predictions.",
            "The drift alert is open since 17:20 UTC on 2026-01-05; look at the last 3 deployments.",
            "p-values far below 0.001 mean that this is no accident.",
            "Confidence is 64% of what it was.",
        ],
        [
            "Average confidence dropped from 0.86 to 0.47.",
            "The label 'negative' now makes up 83.4% of the predictions.",
            "The 95th percentile rose to 912 ms.",
            "All 512 predictions were affected.",
            "The label `spam` is new.",
            "Version 2.3.0 is the likely cause.",
            "All is well.",
            "The model is healthy.",
            "The system is fine.",
            "Nothing is wrong.",
            "The service works as expected.",
            "No immediate action is required.",
            "No issues were found.",
            "Confidence is within its thresholds.",
            "No thresholds are breached.",
            "There is no drift.",
            "No significant label drift was detected.",
            "The label distribution is stable, and inputs are unchanged.",
            "There are no open alerts.",
            "Confidence fell 7.31 times as fast.",
        ],
    ),
    "all_is_well": (
        ["The model is healthy: no thresholds are breached.", "No drift was detected in labels or inputs.",
         "400 predictions, average confidence 0.85, status normal.", "All is well.", "Confidence rose by 0.004."],
        ["Average confidence is 0.91.", "Only 12 predictions were made.", "Confidence fell by 13.7%."],
    ),
    "a_new_version_is_surer": (
        ["Version 1.1.0 (average confidence 0.93) replaced 1.0.0 (0.62).", "Version 1.1.0 serves 95% of predictions.",
         "Confidence rose by 47.6%.", "v1.1.0 is surer by 0.31."],
        ["Version 1.2.0 replaced 1.0.0.", "Version 1.1.0 serves 71.4% of predictions.", "Confidence is stable."],
    ),
    "too_few_to_judge": (
        ["Only 5 predictions were made, 98.8% fewer than the 400 before.", "There is no verdict on label drift.",
         "Not enough data to say whether labels drifted.", "p95 is 310 ms, 1.55 times the warning threshold."],
        ["There is no label drift.", "Labels are stable.", "Everything looks fine."],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sentence"), [(name, sentence) for name, (true, _) in SAID.items() for sentence in true]
)
def test_what_the_facts_bear_out_stays(name: str, sentence: str) -> None:
    check = Check(SITUATIONS[name]())
    assert check.kept(sentence) == sentence, check.faults


@pytest.mark.parametrize(
    ("name", "sentence"), [(name, sentence) for name, (_, untrue) in SAID.items() for sentence in untrue]
)
def test_what_they_do_not_is_struck_out(name: str, sentence: str) -> None:
    assert struck_out(SITUATIONS[name](), sentence)


def breached() -> Facts:
    """A window in which nearly everything is wrong at once."""
    now = Served({"positive": 60, "negative": 290, "neutral": 50}, 0.35)
    before = Served({"positive": 200, "negative": 120, "neutral": 80}, 0.84)
    seen = [alert("confidence", Status.CRITICAL, 25), alert("drift", Status.CRITICAL, 40)]
    return facts(window(now, times=Times(90, 640, 1480)), window(before), model="sentiment", alerts=seen)


@pytest.mark.parametrize(
    "sentence",
    [
        "Zero alerts are open.", "There are not any alerts.", "All alerts are closed.", "There are 7 alerts open.",
        "Only one alert is open.", "Thresholds are not breached.", "The thresholds have not been exceeded.",
        "All thresholds hold.", "No limit is exceeded.", "Everything is in order.", "The service is in good shape.",
        "Metrics are normal.", "The model meets its targets.", "The critical threshold is not met.",
        "Latency is well below the warning threshold.", "The p95 stays under all limits.", "Latency is low.",
        "Confidence is above all thresholds.", "Confidence remains high at 0.84.", "Confidence is excellent.",
        "Drift has not been detected.", "Drift was not found.", "The model isn't drifting.",
        "The label distribution has not changed.", "Labels have not shifted.", "Labels are distributed as before.",
        "Label distribution looks the same as before.", "No changes in the label distribution.",
        "No significant change in labels was observed.", "Average confidence rose from 0.35 to 0.84.",
        "Average confidence fell from 0.35 to 0.84.", "Confidence improved.", "Latency decreased.",
        "The p95 fell from 640 ms to 8 ms.", "The share of negative fell from 72.5 % to 30 %.",
        "Negative predictions are 30 %, down from 72.5 %.", "Traffic doubled.", "There were 500 predictions.",
        "There were 4000 requests.", "Latency is 8 ms at the 95th percentile.",
        "95 % of inferences took up to 8 ms.", "Median time was 1.2 seconds.", "The p99 is 5.1 s.",
        "Positive and neutral together make up 31.5 %.", "21 predictions took more than 640 ms.",
    ],
)  # fmt: skip
def test_a_plain_reassurance_or_a_change_turned_around_is_struck_out(sentence: str) -> None:
    assert struck_out(breached(), sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The p95 of 0.64 s exceeds the limit of 0.5 s.", "p99 is 1.48 s.", "Half of all took up to 0.09 s.",
        "Latency is 0.44 s above the warning threshold.", "20 predictions took more than 640 ms.",
        "4 predictions took more than 1480 ms.", "Positive and neutral together make up 27.5 %.",
        "Positive and negative make up 87.5 % of the predictions.", "350 predictions were positive or negative.",
        "The number of predictions is unchanged while labels drifted.", "The count of requests is stable.",
        "Two alerts are open.", "One critical alert is about drift.", "2 alerts are open, both critical.",
        "Thresholds are breached.", "Confidence is below all thresholds.", "The median is below the warning threshold.",
        "Average confidence fell from 0.84 to 0.35.", "Confidence is 0.35, down from 0.84.", "Confidence worsened.",
        "Negative predictions are 72.5 %, up from 30 %.", "Positive fell from 50 % to 15 %.", "Latency increased.",
        "The p95 rose from 8 ms to 640 ms.", "The p95 rose from 0.008 s to 0.64 s.", "p95 was 8 ms before.",
        "No configuration change is known.", "Input lengths have not changed.", "Traffic has not changed.",
    ],
)  # fmt: skip
def test_what_is_true_of_a_breached_window_stays(sentence: str) -> None:
    check = Check(breached())
    assert check.kept(sentence) == sentence, check.faults


def test_what_is_not_critical_may_be_said_not_to_be() -> None:
    warning = SITUATIONS["inputs_have_changed"]()
    assert not struck_out(warning, "No critical threshold is breached.")
    assert struck_out(warning, "No threshold is breached.")


def test_one_untrue_sentence_costs_itself_and_nothing_else() -> None:
    situation = SITUATIONS["inputs_have_changed"]()
    issue = Finding(
        issue_type="low_confidence", severity=Severity.HIGH, description="Confidence is 0.55. It was 0.9731."
    )
    gone = Finding(issue_type="slow", severity=Severity.LOW, description="p95 is 777 ms.")
    report = Findings(
        summary="Confidence is down to 0.55. There is no drift.\nCallers send longer inputs.",
        identified_issues=[issue, gone],
        recommendations=["Collect feedback on 25% of predictions.", "Roll back to version 7.7.7."],
        root_cause_hypothesis="Longer inputs since 0.1234 of them came.",
        confidence_score=0.7,
    )
    kept, faults = true_part(report, situation)
    assert kept.summary == "Confidence is down to 0.55. Callers send longer inputs."
    assert [each.description for each in kept.identified_issues] == ["Confidence is 0.55."]
    assert kept.recommendations == ["Collect feedback on 25% of predictions."]
    assert kept.root_cause_hypothesis is None
    assert len(faults) == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "All is well."},
        {"identified_issues": []},
        {"identified_issues": [Finding(issue_type="x", severity=Severity.LOW, description="p95 is 777 ms.")]},
    ],
)
def test_a_report_of_which_nothing_is_left_is_none(changes: dict[str, object]) -> None:
    situation = SITUATIONS["inputs_have_changed"]()
    with pytest.raises(NothingLeftError):
        true_part(findings_by_rules(situation).model_copy(update=changes), situation)


async def test_an_untrue_report_is_asked_for_once_more_and_then_rules_report_and_say_why(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    breach = Breach(threshold="min_confidence_critical", threshold_value=0.4, measured_value=0.3)
    metrics.now = numbers(confidence=0.3, status=Status.CRITICAL, breaches=[breach])
    gemini.behave(saying(json.dumps(FINDINGS | {"summary": "The model is healthy."})))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        report = (await analyze(client)).json()
    assert (report["source"], report["fallback_reason"]) == ("rules", "answer_untrue")
    assert len(gemini.calls) == 2
    assert "could not be used: the status is critical" in gemini.calls[1].prompt


async def test_a_second_report_that_is_true_counts(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(
        saying(json.dumps(FINDINGS | {"summary": "Average confidence is 0.31."})), saying(json.dumps(FINDINGS))
    )
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        report = (await analyze(client)).json()
    assert (report["source"], report["summary"]) == ("gemini", FINDINGS["summary"])


def test_no_model_of_ours_is_struck_out_by_a_label_that_is_a_sentence() -> None:
    usual = window(Served({"positive": 400}))
    assert not struck_out(facts(usual, usual), "All predictions have the label `positive`.")
