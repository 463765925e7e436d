"""Of a key less is known, so more of what Gemini may say is made up; what follows from its numbers stays."""

import json

import pytest

from analytics_service.contracts.report import Finding, Findings
from analytics_service.gemini.prompt import prompt_of
from analytics_service.truth.striking_out import Check, NothingLeftError, true_part
from analytics_tests.keyed import SHOP, Got, facts_of_key

FACTS = facts_of_key(
    [Got(300, 0.61, 24.0), Got(100, 0.9, 9.0, "2.0.0")], [Got(2700, 0.81, 10.0), Got(900, 0.9, 9.0, "2.0.0")]
)
"""400 of 4,000: version 1.0.0 is less sure (0.61, all 0.79) and slower (24 ms, all 11.4 ms) for it; 2.0.0 is alike."""


@pytest.mark.parametrize(
    "sentence",
    [
        "This caller made 400 of the 4,000 predictions, i.e. 10 %.",
        "Other callers made 3,600 predictions.",
        "Version 1.0.0 is less sure for this caller: 0.61 against 0.79 over all callers.",
        "Confidence of version 1.0.0 is 0.18 lower than that of all callers.",
        "Average confidence with version 1.0.0 is lower than over all callers.",
        "Average confidence of version 1.0.0 is 0.61, lower than the 0.79 over all callers.",
        "Inference by version 1.0.0 takes 24 ms, 2.1 times as long as for all callers.",
        "Latency of version 1.0.0 is higher than that of other callers.",
        "All callers together have a higher confidence than this one.",
        "Version 2.0.0 answers this caller as it answers all: 0.9 and 9 ms.",
        "Percentiles and drift are not kept by caller.",
        "Whether labels drifted cannot be said.",
        "A difference of 0.18 is not by chance (below 0.001).",
        "Overall the caller's average confidence is 0.6825.",
    ],
)
def test_what_the_numbers_of_a_key_bear_out_stays(sentence: str) -> None:
    check = Check(FACTS)
    assert check.kept(sentence) == sentence, check.faults


@pytest.mark.parametrize(
    "sentence",
    [
        "This caller made 512 predictions.",
        "Average confidence is 0.44.",
        "Version 3.0.0 is the cause.",
        "The 95th percentile is 30 ms.",
        "The p99 is 60 ms.",
        "Half of its inferences took at most 8 ms, the median of all.",
        "All its labels are positive.",
        "95 % of the labels are positive.",
        "There is no drift.",
        "The label distribution has shifted.",
        "No alerts are open.",
        "No thresholds are breached.",
        "The warning threshold of 0.6 is nearly met.",
        "The status is normal.",
        "Confidence fell from 0.79 to 0.61.",
        "Confidence dropped to 0.61.",
        "Traffic of this caller has doubled.",
        "It made more predictions than before.",
        "Average confidence with version 1.0.0 is higher than over all callers.",
        "Version 1.0.0 has a higher confidence for this caller than for other callers.",
        "Inference by version 1.0.0 is faster than for all callers.",
        "Latency is lower than that of other callers.",
        "Average confidence of version 1.0.0 is 0.61, higher than the 0.79 over all callers.",
        "A confidence of 0.61 is higher than the 0.79 of all callers.",
    ],
)
def test_what_nobody_knows_of_a_key_or_is_the_wrong_way_round_is_struck_out(sentence: str) -> None:
    assert Check(FACTS).kept(sentence) == "", sentence


def test_plans_may_speak_of_what_is_not_kept() -> None:
    plan = "Look at the labels of its predictions on record, and set an alert for a p95 above 150 ms."
    assert Check(FACTS).kept(plan, plans=True) == plan


def test_a_report_that_speaks_of_nothing_but_what_is_not_kept_is_none() -> None:
    odd = Findings(
        summary="The p95 is 30 ms and no thresholds are breached.",
        identified_issues=[
            Finding(issue_type="label_drift", severity="high", description="Labels have drifted by 0.4.")
        ],
        recommendations=[],
        confidence_score=0.9,
    )
    with pytest.raises(NothingLeftError, match="not known by caller"):
        true_part(odd, FACTS)


def test_gemini_is_told_a_caller_beside_all_what_is_not_kept_and_never_which_key_it_is() -> None:
    prompt = prompt_of(FACTS)
    told = json.loads(prompt[prompt.index("{") :])
    assert str(SHOP) not in prompt
    assert told["caller"] == {
        "total_predictions": 400,
        "average_confidence": 0.6825,
        "average_inference_time_ms": 20.25,
    }
    assert told["all_callers"]["total_predictions"] == 4000
    assert told["share_of_all_predictions"] == 0.1
    (first, second) = told["versions_that_answered_the_caller"]
    assert (first["model_version"], first["average_confidence"]) == ("1.0.0", 0.61)
    (of_all, other) = told["the_same_versions_over_all_callers"]
    assert (of_all["total_predictions"], of_all["average_inference_time_ms"]) == (3000, 11.4)
    assert of_all["confidence_by_chance"] < 0.001
    assert (second["average_confidence"], other["confidence_by_chance"]) == (0.9, 1.0)
    assert told["not_kept_by_caller"] == ["percentiles", "label_distribution", "drift", "alerts", "status"]
    for never in ("p95", "positive", "threshold_value", 'label_distribution": {'):
        assert never not in prompt
