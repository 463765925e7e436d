"""The distances are those of the textbooks, and chance is not taken for drift."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_service.drift.comparison import band, chi_square_95, compare, jensen_shannon_distance
from shared.contracts.drift import DriftStatus

counts = st.dictionaries(st.integers(0, 20), st.integers(1, 10_000), min_size=1)


@given(counts, counts)
def test_distances_are_symmetric_and_within_their_bounds(one: dict, other: dict) -> None:
    there, back = compare(one, other), compare(other, one)
    assert there.psi == pytest.approx(back.psi)
    assert there.js_distance == pytest.approx(back.js_distance)
    assert there.psi >= 0
    assert 0 <= there.js_distance <= 1


@given(counts)
def test_a_distribution_is_at_no_distance_from_itself(one: dict) -> None:
    same = compare(one, one)
    assert (same.psi, same.js_distance) == (pytest.approx(0), pytest.approx(0, abs=1e-6))


def test_psi_is_the_textbook_sum() -> None:
    found = compare({"a": 700_000, "b": 300_000}, {"a": 500_000, "b": 500_000})
    assert found.psi == pytest.approx(-0.2 * log(0.5 / 0.7) + 0.2 * log(0.5 / 0.3), rel=1e-4)
    assert found.status is DriftStatus.MODERATE


def test_distributions_with_nothing_in_common_are_at_distance_one() -> None:
    assert jensen_shannon_distance({"a": 10}, {"b": 10}) == pytest.approx(1)
    assert compare({"a": 1000}, {"b": 1000}).status is DriftStatus.SIGNIFICANT


@pytest.mark.parametrize(
    ("psi", "status"),
    [
        (0.009, "stable"),
        (0.01, "slight"),
        (0.09, "slight"),
        (0.1, "moderate"),
        (0.24, "moderate"),
        (0.25, "significant"),
    ],
)
def test_the_bands_are_the_usual_ones(psi: float, status: str) -> None:
    assert band(psi) == status


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 3.841), (2, 5.991), (9, 16.919), (19, 30.144)])
def test_the_chi_square_quantile_is_close_to_the_tables(degrees: int, quantile: float) -> None:
    assert chi_square_95(degrees) == pytest.approx(quantile, rel=0.03)


@pytest.mark.parametrize("other", [{}, {"a": 5}])
def test_too_few_predictions_are_called_so(other: dict) -> None:
    assert compare({"a": 1000, "b": 1000}, other).status is DriftStatus.NOT_ENOUGH_DATA
