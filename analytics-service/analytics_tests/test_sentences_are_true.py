"""Whatever happened: every sentence of a report by rules is true of the numbers it speaks of."""

import random
import re
from datetime import timedelta

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from analytics_service.contracts.report import Findings, Severity
from analytics_service.gemini.prompt import prompt_of
from analytics_service.metrics_client.facts import SeenAlert
from analytics_service.rules import findings_by_rules
from analytics_tests.golden_reports import FOLDER, SITUATIONS, as_text
from analytics_tests.sentence_oracle import Oracle
from analytics_tests.situations import END, Served, Times, Window, facts, scaled, window
from shared.contracts.thresholds import Status, ThresholdProfile

LABELS = ["positive", "negative", "neutral", "POSITIVE", "a. b", "`x`", "say \u202eno\n", "l" * 60, "Ünïcode"]
COUNTS = st.one_of(st.integers(0, 40), st.integers(0, 3000), st.integers(0, 2_000_000))
MILLISECONDS = st.floats(0.0001, 20_000, allow_nan=False)


@st.composite
def served(draw: st.DrawFn) -> Served:
    labels = draw(st.dictionaries(st.sampled_from(LABELS), COUNTS, max_size=5))
    version, model = draw(st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])), draw(st.sampled_from(["sentiment", "other"]))
    return Served(labels, draw(st.floats(0.01, 1)), version, model)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    parts = draw(st.lists(served(), max_size=3, unique_by=lambda each: (each.model, each.version)))
    p50, p95, p99 = sorted(draw(st.lists(MILLISECONDS, min_size=3, max_size=3)))
    lengths = draw(st.dictionaries(st.sampled_from(["8-15", "16-31", "64-127"]), st.integers(1, 9), min_size=1))
    return window(*parts, times=Times(p50, p95, p99), lengths=lengths)


@st.composite
def later(draw: st.DrawFn, earlier: Window) -> Window:
    """Another window: like the earlier one, more or less of it, or something else."""
    if draw(st.booleans()):
        return draw(windows())
    factor = draw(st.floats(0.01, 20))
    parts = [Served({label: round(count * factor) for label, count in each.labels.items()},
                    min(1.0, each.confidence * draw(st.sampled_from([1, 0.999, 0.9, 0.7, 1.05]))),
                    draw(st.sampled_from([each.version, "3.0.0"])), each.model) for each in earlier.served]  # fmt: skip
    parts = list({(each.model, each.version): each for each in parts}.values())
    slower = draw(st.sampled_from([1, 1.001, 1.3, 5]))
    times = Times(earlier.times.p50 * slower, earlier.times.p95 * slower, earlier.times.p99 * slower)
    return window(*parts, times=times, lengths=earlier.lengths)


ALERTS = st.builds(
    lambda signal, severity, opened, lasted, silenced: SeenAlert(
        model_name="sentiment",
        signal=signal,
        severity=severity,
        opened_at=END - timedelta(minutes=opened),
        closed_at=None if lasted is None else END - timedelta(minutes=opened - lasted),
        silenced_until=silenced and END + timedelta(minutes=silenced),
    ),
    st.sampled_from(["confidence", "inference_time", "drift", "traffic", "accuracy"]),
    st.sampled_from([Status.WARNING, Status.CRITICAL]),
    st.integers(-90, 600),
    st.none() | st.integers(1, 300),
    st.none() | st.integers(1, 300),
)


@pytest.mark.timeout(180)
@seed(20260105)
@settings(max_examples=400)
@given(st.data())
def test_every_sentence_is_true_of_the_aggregates_it_speaks_of(data: st.DataObject) -> None:
    before = data.draw(windows())
    now = data.draw(later(before))
    critical, warning = sorted(data.draw(st.lists(st.floats(0.05, 0.99), min_size=2, max_size=2, unique=True)))
    slow, slower = sorted(data.draw(st.lists(st.floats(0.5, 5000), min_size=2, max_size=2, unique=True)))
    judged = data.draw(st.integers(0, now.total)) if now.total else 0
    past = data.draw(st.booleans())
    alerts = data.draw(st.none() | st.lists(ALERTS, max_size=4))
    if alerts and not past:
        alerts = [alert for alert in alerts if alert.closed_at is None and alert.opened_at <= END]
    situation = facts(
        now,
        data.draw(st.sampled_from([before, None])),
        minutes=data.draw(st.sampled_from([1, 15, 60, 1440])),
        past=past,
        judged=(judged, data.draw(st.integers(0, judged))),
        callers=data.draw(st.sampled_from([None, 1, 2, 3, 40])),
        weight=data.draw(st.none() | st.just(judged * data.draw(st.floats(0.01, 1)))),
        baseline=data.draw(st.none() | st.just(before) | later(before)),
        alerts=alerts,
        thresholds=ThresholdProfile(
            min_confidence_warning=warning,
            min_confidence_critical=critical,
            max_inference_time_warning_ms=slow,
            max_inference_time_critical_ms=slower,
        ),
        model=data.draw(st.sampled_from([None, "sentiment"])),
        version=data.draw(st.sampled_from([None, "1.1.0"])),
        complete=data.draw(st.booleans()),
    )
    findings = findings_by_rules(situation)
    Oracle(situation).check(findings)
    assert not contradictions(findings)
    prompt_of(situation)


NAMES = st.sampled_from(["ok", "fraud", "ham", "spam", "approve", "reject", "-1", "1", "+", "-", "A", "B", "C", "C#"])


@pytest.mark.timeout(120)
@seed(20260106)
@settings(max_examples=300)
@given(
    st.lists(NAMES, min_size=2, max_size=10, unique=True),
    st.integers(1, 9),
    st.lists(st.integers(40, 5000), min_size=10, max_size=10),
    st.booleans(),
    st.floats(0.5, 2),
)
def test_labels_replaced_within_one_version_are_always_a_strong_drift(
    names: list[str],
    cut: int,
    counts: list[int],
    pinned: bool,
    factor: float,
) -> None:
    cut = min(cut, len(names) - 1)
    old = Served(dict(zip(names[:cut], counts, strict=False)))
    new = Served({name: round(factor * count) for name, count in zip(names[cut:], counts, strict=False)})
    now, before = window(new), window(old)
    replaced = facts(now, now if pinned else before, baseline=before if pinned else None, model="sentiment")
    issues = findings_by_rules(replaced).identified_issues
    assert Severity.HIGH in [issue.severity for issue in issues if issue.issue_type == "label_drift"]


NEVER_TOGETHER = [
    ("Average confidence fell", "Average confidence rose"),
    ("Averages are not compared", "Average confidence (fell|rose) from"),
    ("What .* were like is not known", "Average confidence (fell|rose)|in the [\\d,]* ?minutes? before, when"),
    ("There is nothing to compare with", "Average confidence (fell|rose)|fewer than the [\\d,]+ in"),
    ("Whether there is drift is not known", "population stability index [^)]*\\), [^)]* minutes? before"),
    ("too few predictions to say whether [^.]*label", "that said `.+` was [^;]* (minutes|minute) before \\(pop"),
    ("too few predictions to say whether [^.]*confidence", "a confidence of .* (minutes|minute) before \\(pop"),
    ("too few predictions to say whether [^.]*input length", "The share of inputs .* (minutes|minute) before \\(pop"),
    ("traffic has stopped|nothing to judge by", "Normal:|Warning:|Critical:|Average confidence was|of the predictions"),
    ("proves nothing", "reported as wrong"),
    ("^Normal:", "(below|above|times) (min|max)_"),
    ("averages of fewer than 30 say little\\.", "population stability index|came as labels|No prediction said what"),
    ("surge of traffic: longer", "times the [\\d,]+ in the"),
]
"""What no report says at once."""


def contradictions(findings: Findings) -> list[tuple[str, str]]:
    """Pairs of sentences of one report that cannot both be true."""
    issues = [issue.description for issue in findings.identified_issues]
    sentences = [*issues, *re.split(r"(?<=[^0-9]\.) ", findings.summary), findings.root_cause_hypothesis or ""]
    kinds = [issue.issue_type for issue in findings.identified_issues]
    assert "not_enough_data" not in kinds or not {"label_drift", "confidence_drift", "input_length_drift"} & set(kinds)
    pairs = [(one, other) for one in sentences for other in sentences if one is not other]
    return [
        (one, other)
        for one, other in pairs
        for first, second in NEVER_TOGETHER
        if re.search(first, one) and re.search(second, other)
    ]


def test_contradictions_are_found() -> None:
    few = findings_by_rules(SITUATIONS["too_few_to_judge"]())
    assert not contradictions(few)
    little = "There were only 5 predictions: averages of fewer than 30 say little."
    assert contradictions(few.model_copy(update={"root_cause_hypothesis": little}))


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_is_reported_as_a_colleague_would(name: str) -> None:
    situation = SITUATIONS[name]()
    findings = findings_by_rules(situation)
    Oracle(situation).check(findings)
    assert as_text(findings) == (FOLDER / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_oracle_is_no_yes_man(name: str) -> None:
    findings = findings_by_rules(SITUATIONS[name]())
    for other in SITUATIONS:
        if other != name:
            with pytest.raises((AssertionError, LookupError, StopIteration)):
                Oracle(SITUATIONS[other]()).check(findings)


def test_every_golden_report_has_its_situation_and_there_are_ten_at_least() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SITUATIONS)
    assert len(SITUATIONS) >= 10


def drawn(chance: random.Random, total: int) -> Window:
    """So many predictions out of one and the same distribution."""
    labels = chance.choices(["positive", "negative", "neutral"], [5, 3, 2], k=total)
    counts = {label: labels.count(label) for label in ("positive", "negative", "neutral")}
    confidence = sum(min(chance.gauss(0.8, 0.08), 1.0) for _ in range(total)) / total
    return window(Served(counts, confidence), lengths=scaled({"16-31": 3, "32-63": 7}, total))


@pytest.mark.parametrize(("total", "pairs"), [(30, 1200), (50, 1200), (250, 600), (1000, 150)])
def test_when_nothing_has_changed_nothing_is_said_to_have(total: int, pairs: int) -> None:
    chance = random.Random(total)
    said = 0
    for _ in range(pairs):
        situation = facts(drawn(chance, total), drawn(chance, total))
        said += bool(told(findings_by_rules(situation)) & {"confidence_falling", "confidence_rising", "labels_changed"})
    assert said <= 0.003 * pairs + 1


def told(findings: Findings) -> set[str]:
    return {issue.issue_type for issue in findings.identified_issues}


@pytest.mark.parametrize(
    ("now", "before", "times"),
    [((0.49, 0.8), (0.2, 0.3), 400), ((0.9, 1.2), (0.1, 0.2), 100_000), ((19, 30), (3, 4), 100_000)],
)
def test_times_that_stay_far_below_the_threshold_are_no_issue(
    now: tuple[float, float], before: tuple[float, float], times: int
) -> None:
    usual = Served({"positive": times})
    situation = facts(window(usual, times=Times(0.1, *now)), window(usual, times=Times(0.1, *before)))
    assert "inference_slowing" not in told(findings_by_rules(situation))


@pytest.mark.parametrize(("wrong", "total"), [(40, 5000), (31, 900), (200, 100_000)])
def test_complaints_about_a_few_do_not_make_a_model_bad(wrong: int, total: int) -> None:
    situation = facts(window(Served({"a": total}, 0.9)), window(Served({"a": total}, 0.9)), judged=(wrong, 0))
    (complaint,) = [each for each in findings_by_rules(situation).identified_issues if each.issue_type == "complaints"]
    assert complaint.severity is Severity.LOW


def test_that_half_of_all_are_wrong_is_proven_by_them_alone() -> None:
    situation = facts(window(Served({"a": 300, "b": 300}, 0.9)), None, judged=(300, 0))
    (issue,) = findings_by_rules(situation).identified_issues
    assert (issue.issue_type, issue.severity) == ("overconfident", Severity.HIGH)


def test_more_issues_than_a_report_has_room_for_are_counted() -> None:
    models = [f"model-{number}" for number in range(30)]
    now = window(*(Served({"a": 40, "b": 40}, 0.9, "2.0.0", model) for model in models))
    before = window(*(Served({"a": 40, "b": 40}, 0.9, "1.0.0", model) for model in models))
    findings = findings_by_rules(facts(now, before))
    assert len(findings.identified_issues) == 20
    assert findings.summary.endswith("10 lesser issues are left out.")
