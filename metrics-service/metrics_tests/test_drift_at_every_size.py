"""A change is claimed only where it is certain, and found where it matters, at every size."""

import random
from collections import Counter
from fractions import Fraction
from math import comb
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_service.drift.certainty import FALSE_ALARMS, could_tell
from metrics_service.drift.chance import probabilities, tail_above, two_sided
from metrics_service.drift.comparison import (
    Comparison,
    compare,
    expected_psi,
    ordered_bins,
    population_stability_index,
    worst,
)
from shared.contracts.drift import DriftStatus

STABLE, SLIGHT, MODERATE, SIGNIFICANT, NOT_ENOUGH_DATA = DriftStatus
CLAIMS = (SLIGHT, MODERATE, SIGNIFICANT)
MEASURES = 3
Kind = TypeVar("Kind")
MIXTURE = {"positive": 0.5, "negative": 0.3, "neutral": 0.2}
SEED = 11
heaps = st.integers(1, 60).flatmap(
    lambda total: st.tuples(st.integers(0, total), st.integers(1, total), st.integers(0, total), st.just(total))
)


def exactly(found: int, drawn: int, marked: int, total: int) -> Fraction:
    if not 0 <= found <= marked or not 0 <= drawn - found <= total - marked:
        return Fraction(0)
    return Fraction(comb(marked, found) * comb(total - marked, drawn - found), comb(total, drawn))


@given(heaps)
def test_tails_are_those_of_counting_every_way_to_draw(heap: tuple[int, int, int, int]) -> None:
    found, drawn, marked, total = heap
    exact = float(sum(exactly(k, drawn, marked, total) for k in range(found, drawn + 1)))
    assert tail_above(found, drawn, marked, total) == pytest.approx(exact, rel=1e-9, abs=1e-12)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_the_probabilities_of_all_numbers_add_up(drawn: int, marked: int, others: int) -> None:
    total = max(drawn, marked + others)
    chances = probabilities(drawn, marked, total)
    assert sum(chances.values()) == pytest.approx(1)
    for found, chance in chances.items():
        assert chance == pytest.approx(float(exactly(found, drawn, marked, total)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("size", "share"), [(2_000, 0.5), (100_000, 0.02), (10_000_000, 0.5), (10_000_000, 0.0001)])
def test_a_tail_of_large_numbers_is_never_understated_and_close(size: int, share: float) -> None:
    """Held against the sum over every number, at four standard deviations from the middle."""
    marked, total = int(2 * size * share), 2 * size
    spread = (size * share * (1 - share) / 2) ** 0.5
    found = int(marked / 2 + 4 * spread)
    chances = probabilities(size, marked, total)
    exact = sum(chance for number, chance in chances.items() if number >= found)
    assert exact * (1 - 1e-4) <= tail_above(found, size, marked, total) <= exact * 1.1


def sample(generator: random.Random, size: int, shares: dict[Kind, float]) -> Counter[Kind]:
    return Counter(generator.choices(list(shares), list(shares.values()), k=size))


def beta_8_2_below(x: float) -> float:
    """The distribution function of the beta distribution with 8 and 2."""
    return 9 * x**8 - 8 * x**9


CONFIDENCES = {number: beta_8_2_below((number + 1) / 20) - beta_8_2_below(number / 20) for number in range(20)}


@pytest.mark.parametrize(("before", "now"), [(1000, 1), (30, 10), (200, 50), (50, 200), (1000, 300)])
def test_without_a_change_hardly_any_report_claims_one(before: int, now: int) -> None:
    """By the promise at most 1 of 1,000 reports on average; then 7 or more come about once in 12,000 runs."""
    generator, reports, alarms = random.Random(SEED), 1000, 0
    for _ in range(reports):
        found = [
            compare(sample(generator, before, MIXTURE), sample(generator, now, MIXTURE), measures=MEASURES),
            *(
                compare(
                    sample(generator, before, CONFIDENCES),
                    sample(generator, now, CONFIDENCES),
                    is_ordered=True,
                    measures=MEASURES,
                )
                for _ in range(2)
            ),
        ]
        alarms += any(comparison.status in CLAIMS for comparison in found)
    print(f"seed {SEED}: {alarms} of {reports}")
    assert alarms < 7


def test_fifty_predictions_that_are_all_of_another_label_are_always_found() -> None:
    generator = random.Random(SEED)
    for before in (50, 100, 1100, 100_000):
        for label, share in MIXTURE.items():
            reference = Counter({name: round(before * part) for name, part in MIXTURE.items()})
            found = compare(reference, {label: 50}, measures=MEASURES)
            assert found.status is SIGNIFICANT, (before, label, share)
    flipped = compare(sample(generator, 50, {"positive": 1}), {"negative": 50}, measures=MEASURES)
    assert (flipped.status, flipped.certainty) == (SIGNIFICANT, pytest.approx(1))


def test_a_share_that_moves_from_50_to_60_of_100_is_found_by_2000_rows_95_times_in_100() -> None:
    generator = random.Random(SEED)
    moved = {"positive": 0.6, "negative": 0.24, "neutral": 0.16}
    found = [
        compare(sample(generator, 2000, MIXTURE), sample(generator, 2000, moved), measures=MEASURES).status
        for _ in range(200)
    ]
    print(f"seed {SEED}: {Counter(found)}")
    assert sum(status in CLAIMS for status in found) >= 190
    assert found.count(SIGNIFICANT) == 0, "it is certain, not large"


def test_collapsed_confidence_of_250_against_250_is_found() -> None:
    found = compare({17: 250}, {12: 150, 9: 100}, is_ordered=True, measures=MEASURES)
    assert found.status is SIGNIFICANT


def test_a_shift_of_all_confidences_by_one_bin_is_found_by_the_cuts() -> None:
    """No bin changes much, yet all that is below an edge does."""
    reference = dict.fromkeys(range(8, 18), 100)
    found = compare(reference, dict.fromkeys(range(9, 19), 100), is_ordered=True, measures=MEASURES)
    assert found.status in CLAIMS
    assert compare(reference, reference, is_ordered=True, measures=MEASURES).status is STABLE


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (0, 10, NOT_ENOUGH_DATA),
        (10, 0, NOT_ENOUGH_DATA),
        (1, 1, NOT_ENOUGH_DATA),
        (1000, 5, NOT_ENOUGH_DATA),
        (1000, 15, STABLE),
        (20, 20, NOT_ENOUGH_DATA),
        (30, 30, STABLE),
        (10_000_000, 10_000_000, STABLE),
    ],
)
def test_a_verdict_is_given_as_soon_as_one_is_possible(before: int, now: int, verdict: DriftStatus) -> None:
    def halves(size: int) -> dict[str, int]:
        return {"positive": size // 2, "negative": size - size // 2}

    assert compare(halves(before), halves(now), measures=MEASURES).status is verdict


@given(st.integers(1, 500), st.integers(1, 500))
def test_where_a_verdict_is_possible_half_of_everything_in_another_bin_is_found(before: int, now: int) -> None:
    reference = {"a": before // 2, "b": before - before // 2}
    found = compare(reference, {"a": now}, measures=MEASURES)
    if could_tell(ordered_bins(reference, {"a": now}), before, now, is_ordered=False, measures=MEASURES):
        assert found.status in CLAIMS
        assert found.p_value is not None
        assert found.p_value < FALSE_ALARMS


def test_one_prediction_of_a_label_that_ten_million_never_had_is_certain() -> None:
    found = compare({"ham": 10_000_000}, {"spam": 1}, measures=MEASURES)
    assert found.status is SIGNIFICANT
    assert found.certainty == pytest.approx(1, abs=1e-5)


def test_a_change_that_is_certain_and_tiny_is_stable() -> None:
    found = compare({"a": 5_000_000, "b": 5_000_000}, {"a": 5_050_000, "b": 4_950_000}, measures=MEASURES)
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.status is STABLE


@given(
    st.dictionaries(st.integers(0, 19), st.integers(1, 10_000_000), min_size=1),
    st.dictionaries(st.integers(0, 19), st.integers(1, 10_000_000), min_size=1),
)
def test_whatever_is_compared_has_a_verdict_and_its_certainty(one: dict[int, int], other: dict[int, int]) -> None:
    found = compare(one, other, is_ordered=True, measures=MEASURES)
    assert found.p_value is not None
    assert 0 <= found.p_value <= 1
    assert found.certainty == 1 - found.p_value
    assert (found.expected_psi, found.chance_psi, found.detectable_psi) >= (0, 0, 0)
    assert found.status in CLAIMS or found.p_value >= FALSE_ALARMS or psi_is_tiny(found)


def psi_is_tiny(found: Comparison) -> bool:
    assert found.psi is not None
    assert found.expected_psi is not None
    return found.psi - found.expected_psi < 0.01


@pytest.mark.parametrize(("before", "now"), [(40, 5), (100, 30), (400, 400)])
def test_the_expected_psi_is_what_shuffling_shows_on_average(before: int, now: int) -> None:
    generator = random.Random(SEED)
    heap = [min(int(generator.betavariate(5, 2) * 20), 19) for _ in range(before + now)]
    shown = []
    for _ in range(1500):
        generator.shuffle(heap)
        shown.append(population_stability_index(Counter(heap[:before]), Counter(heap[before:])))
    expected = expected_psi(ordered_bins(Counter(heap[:before]), Counter(heap[before:])), before, now)
    assert sum(shown) / len(shown) == pytest.approx(expected, rel=0.1)


def test_stable_is_said_only_when_everything_was_judged() -> None:
    assert worst([STABLE, STABLE]) is STABLE
    assert worst([STABLE, NOT_ENOUGH_DATA, STABLE]) is NOT_ENOUGH_DATA
    assert worst([NOT_ENOUGH_DATA, SLIGHT]) is SLIGHT
    assert worst([SIGNIFICANT, MODERATE, NOT_ENOUGH_DATA]) is SIGNIFICANT


@given(heaps)
def test_nothing_is_less_likely_than_nothing(heap: tuple[int, int, int, int]) -> None:
    assert 0 <= two_sided(*heap) <= 1
