"""What rules say of one key: how much, how sure and how fast, beside all callers, and nothing that is not kept."""

import random
import re
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_service.contracts.report import Findings, Severity
from analytics_service.metrics_client.facts import KEPT_BY_KEY, comparable_part
from analytics_service.rules import findings_by_rules
from analytics_service.rules.callers import beside, chance_of_confidence
from analytics_service.rules.certainty import SURE
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_service.truth.striking_out import Check
from analytics_tests.keyed import Got, facts_of_key
from shared.contracts.aggregates import VersionMetrics


def issues(findings: Findings) -> dict[str, str]:
    return {each.issue_type: each.description for each in findings.identified_issues}


def test_the_summary_tells_the_part_of_all_and_each_version_beside_all_callers_and_what_is_not_known() -> None:
    found = findings_by_rules(facts_of_key([Got(40, 0.61, 12.0)], [Got(360, 0.81, 10.0)], model="sentiment"))
    assert found.summary == (
        "40 predictions of sentiment came with this key in the 2 hours until 2026-01-05 18:00 UTC, 10 % of the 400 of "
        "all callers. Version 1.0.0 of sentiment: 40 predictions, average confidence 0.61 (0.79 over all callers), "
        "12 ms on average (10.2 ms over all callers). By key there are counts and averages alone: percentiles, labels, "
        "drift, alerts and what thresholds say are not known of one caller."
    )


def test_a_key_of_which_the_same_version_is_less_sure_is_told_with_both_averages_and_a_cause() -> None:
    found = findings_by_rules(facts_of_key([Got(400, 0.61)], [Got(3600, 0.81)]))
    assert issues(found) == {
        "caller_less_sure": "Average confidence of version 1.0.0 of sentiment was 0.61 with this key, 0.79 over all "
        "callers."
    }
    assert found.identified_issues[0].severity is Severity.MEDIUM
    assert found.identified_issues[0].description in found.summary
    assert found.root_cause_hypothesis
    assert "harder" in found.root_cause_hypothesis
    assert len(found.recommendations) == 1


def test_one_that_is_surer_is_good_to_know() -> None:
    found = findings_by_rules(facts_of_key([Got(400, 0.95)], [Got(3600, 0.75)]))
    assert list(issues(found)) == ["caller_surer"]
    assert found.identified_issues[0].severity is Severity.LOW


@pytest.mark.parametrize(
    ("own", "others", "told"),
    [
        (Got(2000, 0.8, 40.0), Got(20_000, 0.8, 8.0), True),
        (Got(40, 0.8, 12.0), Got(2000, 0.8, 9.0), False),  # chance may do that
        (Got(2000, 0.8, 11.0), Got(20_000, 0.8, 8.0), False),  # three milliseconds of 200 are nothing
        (Got(2000, 0.8, 8.0), Got(20_000, 0.8, 40.0), False),  # faster is no issue
    ],
)
def test_a_slower_key_is_told_where_it_matters_and_is_no_chance(own: Got, others: Got, told: bool) -> None:
    found = findings_by_rules(facts_of_key([own], [others]))
    assert ("caller_slower" in issues(found)) == told


def test_of_a_model_that_is_not_always_sure_of_something_no_averages_of_confidence_are_compared() -> None:
    facts = facts_of_key([Got(1000, 0.6)], [Got(9000, 0.71)])
    assert chance_of_confidence(beside(facts)[0]) <= SURE
    assert facts.all_callers is not None
    facts.all_callers.versions[0].label_distribution = {"economy": 120}  # of 10,000: the others have no label

    assert chance_of_confidence(beside(facts)[0]) == 1.0
    assert not {"caller_less_sure", "caller_surer"} & issues(findings_by_rules(facts)).keys()


def test_nothing_of_all_callers_is_told_that_is_not_kept_by_key() -> None:
    version = VersionMetrics(
        model_name="sentiment", model_version="1.0.0", total_predictions=9, average_confidence=0.8,
        average_inference_time_ms=4.0, label_distribution={"positive": 9}, average_value=1.5, p50_inference_time_ms=3.0,
        p95_inference_time_ms=31.0, p99_inference_time_ms=60.0,
    )  # fmt: skip
    (kept,) = comparable_part(numbers(9, versions=[version])).versions

    assert {name for name, value in kept if value not in (None, {})} == KEPT_BY_KEY


def test_another_mixture_of_versions_is_no_difference_of_the_caller() -> None:
    """In all the key has 0.65 and everybody 0.83; each version is as sure of the key as of all."""
    own = [Got(900, 0.6, version="1.0.0"), Got(100, 0.9, version="2.0.0")]
    others = [Got(900, 0.6, version="1.0.0"), Got(9000, 0.9, version="2.0.0")]
    assert issues(findings_by_rules(facts_of_key(own, others))) == {}


def test_one_that_asks_for_most_is_told_to_be_most_of_all_callers() -> None:
    found = findings_by_rules(facts_of_key([Got(700)], [Got(300)]))
    assert issues(found) == {"caller_of_most": "70 % of the 1,000 predictions of all callers came with this key."}


@pytest.mark.parametrize(("count", "words"), [(0, "no predictions"), (1, "only 1 prediction"), (29, "only 29")])
def test_too_few_are_not_compared(count: int, words: str) -> None:
    found = findings_by_rules(facts_of_key([Got(count, 0.1, 90.0)], [Got(1000)]))
    assert list(issues(found)) == ["not_enough_data"]
    assert words in issues(found)["not_enough_data"]
    assert found.confidence_score == 0.2


def test_of_a_key_without_predictions_it_is_said_of_which_hours() -> None:
    found = findings_by_rules(facts_of_key([], [Got(1000)], hours=1))
    nothing = "There were no predictions in the hour until 2026-01-05 18:00 UTC with this key: nothing to judge by."
    assert issues(found)["not_enough_data"] == nothing
    assert found.summary.startswith(nothing)


def test_predictions_that_were_erased_count_for_the_key_and_are_in_no_share_of_all() -> None:
    """Counts of keys stay when predictions are erased, those of a window do not."""
    facts = facts_of_key([Got(400, 0.5)], [])
    erased = facts.state.all_callers
    assert erased
    (version,) = erased.versions
    smaller = erased.model_copy(
        update={"total_predictions": 100, "versions": [version.model_copy(update={"total_predictions": 100})]}
    )
    object.__setattr__(facts.state, "all_callers", smaller)
    found = findings_by_rules(facts)
    assert issues(found) == {}
    assert "400 predictions came with this key" in found.summary
    assert "% of" not in found.summary


def test_a_regression_has_no_confidence_and_nothing_is_said_of_any() -> None:
    found = findings_by_rules(facts_of_key([Got(400, None)], [Got(4000, None)]))
    assert "confidence" not in found.summary
    assert issues(found) == {}


def test_callers_that_chance_alone_has_made_are_called_different_in_no_more_than_one_of_a_thousand_cases() -> None:
    """Keys that take a random part of one and the same population, with the widest spread there is."""
    random_source = random.Random(7)
    population = [1.0] * 700 + [0.0] * 300
    told = 0
    for _ in range(3000):
        own = random_source.sample(population, random_source.choice([30, 100, 500]))
        mean = fmean(own)
        rest = (sum(population) - sum(own)) / (len(population) - len(own))
        facts = facts_of_key([Got(len(own), mean)], [Got(len(population) - len(own), rest)])
        told += chance_of_confidence(beside(facts)[0]) <= SURE
    assert told <= 9  # 3 are expected at most; more than 9 come in one of 1,000 runs


PARTS = st.lists(
    st.builds(
        Got,
        st.one_of(st.integers(0, 60), st.integers(0, 2_000_000)),
        st.one_of(st.none(), st.floats(0.01, 1)),
        st.floats(0.5, 100),
        st.sampled_from(["1.0.0", "1.1.0", "2.0.0", "3.0.0", "4.0.0"]),
        st.sampled_from(["sentiment", "spam-words"]),
    ),
    max_size=6,
    unique_by=lambda each: each.name,
)
SILLY = re.compile(r"\d[eE][+-]?\d|\d\.\d{10,}|\bnan\b|\binf\b|\bNone\b|(?<![\d,.])1 predictions|  ")


BESIDE = re.compile(r"(?:was|took) ([\d.,]+)(?: ms on average)? with this key, ([\d.,]+)(?: ms)? over all callers")


@settings(max_examples=300)
@given(PARTS, PARTS)
def test_whatever_a_key_did_each_sentence_is_borne_out_by_the_facts(own: list[Got], others: list[Got]) -> None:
    facts = facts_of_key(own, others)
    found = findings_by_rules(facts)
    check = Check(facts)
    for text in (found.summary, *(each.description for each in found.identified_issues)):
        assert check.kept(text) == text, check.faults
        assert not SILLY.search(text)
    assert found.root_cause_hypothesis is None or check.kept(found.root_cause_hypothesis) == found.root_cause_hypothesis
    for claim in found.identified_issues:
        if match := BESIDE.search(claim.description):
            one, other = (float(each.replace(",", "")) for each in match.groups())
            assert (one < other) == (claim.issue_type == "caller_less_sure"), claim
