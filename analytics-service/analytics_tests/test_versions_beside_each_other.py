"""Versions of a model beside each other: which differences are told, and that chance is not told as one."""

import json
import random
from collections.abc import Callable, Sequence

import pytest

from analytics_service.gemini.prompt import prompt_of
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules import findings_by_rules
from analytics_service.rules.version_differences import furthest_apart
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_service.truth.striking_out import true_part
from analytics_tests.parts import facts_of
from analytics_tests.sentence_oracle import Oracle
from shared.contracts.aggregates import VersionMetrics
from shared.contracts.values import ValueMetrics

SEED = 20261128


def at(ordered: Sequence[float], share: float) -> float:
    """A percentile, interpolated as the metrics-service does."""
    place = share * (len(ordered) - 1)
    below = int(place)
    return ordered[below] + (ordered[min(below + 1, len(ordered) - 1)] - ordered[below]) * (place - below)


def served(version: str, *, values: Sequence[float] = (), times: Sequence[float] = ()) -> VersionMetrics:
    """A version as the metrics-service tells of it."""
    values, times = sorted(values), sorted(times)
    of_values = ValueMetrics(
        predictions=len(values), sum=sum(values), average=sum(values) / len(values), min=values[0], max=values[-1],
        **{f"p{round(100 * share):02}": at(values, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)},
    ) if values else None  # fmt: skip
    return VersionMetrics(
        model_name="houses", model_version=version, total_predictions=len(values) or len(times),
        average_value=of_values.average if of_values else None, values=of_values,
        **{f"p{round(100 * share)}_inference_time_ms": at(times, share) for share in (0.5, 0.95, 0.99) if times},
    )  # fmt: skip


def beside(*versions: VersionMetrics) -> Facts:
    total = sum(version.total_predictions for version in versions)
    return facts_of(
        numbers(
            total_predictions=total, average_confidence=None, label_distribution={}, model_name="houses",
            task_type="regression", versions=list(versions),
        )
    )  # fmt: skip


def told(facts: Facts) -> list[str]:
    """What rules say of versions; every sentence of it is borne out by the facts."""
    findings = findings_by_rules(facts)
    assert true_part(findings, facts) == (findings, [])
    sentences = [issue.description for issue in findings.identified_issues if issue.issue_type == "versions_differ"]
    for sentence in sentences:
        Oracle(facts).true(sentence)
    return sentences


def test_values_that_are_higher_are_told_as_medians() -> None:
    chance = random.Random(SEED)
    old, new = ([chance.gauss(middle, 10) for _ in range(300)] for middle in (90, 120))
    (sentence,) = told(beside(served("1.0.0", values=old), served("1.1.0", values=new)))
    assert sentence.startswith("Of houses, version 1.1.0 had a median value of 1")
    assert ", version 1.0.0 of 9" in sentence or ", version 1.0.0 of 8" in sentence
    (below,) = told(beside(served("1.0.0", values=[-v for v in old]), served("1.1.0", values=[-v for v in new])))
    assert below.startswith("Of houses, version 1.0.0 had a median value of -")


def test_a_slower_version_is_told_where_it_matters() -> None:
    chance = random.Random(SEED)
    times = [chance.lognormvariate(3, 0.4) for _ in range(300)]
    quick, slow = served("1.0.0", times=times), served("1.1.0", times=[3 * time for time in times])
    (sentence,) = told(beside(quick, slow))
    assert sentence.startswith("Of houses, version 1.1.0 had a 95th percentile of inference time of 1")
    assert sentence.endswith(" ms.")
    fast = [time / 100 for time in times]
    assert told(beside(served("1.0.0", times=fast), served("1.1.0", times=[3 * time for time in fast]))) == []


def test_the_pair_that_is_furthest_apart_is_told_and_a_handful_is_none() -> None:
    chance = random.Random(SEED)
    versions = [
        served(f"1.{n}.0", values=[chance.gauss(middle, 5) for _ in range(size)])
        for n, (middle, size) in enumerate(((100, 200), (130, 200), (160, 200), (500, 29)))
    ]
    (sentence,) = told(beside(*versions))
    assert "version 1.2.0 had a median value of 1" in sentence
    assert ", version 1.0.0 of " in sentence


@pytest.mark.parametrize("value", [0.0, 7.0, -7.0])
def test_values_that_are_all_the_same_do_not_differ(value: float) -> None:
    same = [value] * 300
    assert told(beside(served("1.0.0", values=same), served("1.1.0", values=same))) == []


def gauss(chance: random.Random) -> float:
    return chance.gauss(0, 1)


def coin(chance: random.Random) -> float:
    return float(chance.random() < 0.5)


def heavy(chance: random.Random) -> float:
    return chance.lognormvariate(3, 1.5)


@pytest.mark.parametrize("sizes", [(30, 30), (30, 600), (300, 200)])
@pytest.mark.parametrize("draw", [gauss, coin, heavy])
def test_versions_that_do_the_same_are_hardly_ever_told_apart(
    draw: Callable[[random.Random], float], sizes: tuple[int, int]
) -> None:
    """At most one in 500, where one in 1,000 is said."""
    chance, claimed = random.Random(SEED), 0
    for _ in range(500):
        one, other = ([draw(chance) for _ in range(size)] for size in sizes)
        facts = beside(
            served("1.0.0", values=one, times=[1000 * abs(each) for each in one]),
            served("1.1.0", values=other, times=[1000 * abs(each) for each in other]),
        )
        claimed += any(pair.is_claimed for pair in furthest_apart(facts))
    assert claimed <= 1


def test_gemini_is_told_of_the_pair_and_of_chance() -> None:
    chance = random.Random(SEED)
    old, new = ([chance.gauss(middle, 10) for _ in range(300)] for middle in (90, 120))
    prompt = prompt_of(
        beside(served("1.0.0", values=old, times=[10.0] * 300), served("1.1.0", values=new, times=[10.0] * 300))
    )
    by_figure = {pair["figure"]: pair for pair in json.loads(prompt[prompt.index("{") :])["versions_furthest_apart"]}
    assert by_figure.keys() == {"median_value", "p95_inference_time_ms"}
    value, time = by_figure["median_value"], by_figure["p95_inference_time_ms"]
    assert (value["model"], value["higher"], value["lower"], value["matters"]) == ("houses", "1.1.0", "1.0.0", True)
    assert value["by_chance"] < 0.001
    assert (time["high"], time["low"], time["matters"]) == (10, 10, False)
