"""Ranges of values: none holds much more than its part, every bin is in one, and they are called by their edges."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from metrics_service.drift.value_ranges import RANGES, by_range, last_bins, range_names

histograms = st.dictionaries(
    st.integers(-51_744, -48_953) | st.just(0) | st.integers(48_953, 51_744), st.integers(1, 50)
)


@given(histograms, histograms)
def test_every_bin_is_in_one_of_at_most_ten_ranges(reference: dict[int, int], current: dict[int, int]) -> None:
    ends = last_bins(reference, current)
    assert len(ends) <= RANGES
    assert ends == sorted(ends)
    for side in (reference, current):
        assert sum(by_range(side, ends).values()) == sum(side.values())


@given(histograms.filter(bool))
def test_a_range_holds_a_tenth_and_at_most_one_bin_more(histogram: dict[int, int]) -> None:
    ends = last_bins(histogram, {})
    total, found = sum(histogram.values()), by_range(histogram, ends)
    assert all(n <= total / RANGES + max(histogram.values()) for n in found.values())


def test_they_are_called_by_their_edges() -> None:
    one = 50_000
    assert range_names([one]) == ["all"]
    assert range_names([-one - 35, 0, one, one + 35]) == ["up to -1.961", "-1.961 to 0", "0 to 1", "above 1"]
    assert by_range(Counter({-one - 35: 2, one: 3, one + 1: 4}), [-one - 35, one, one + 35]) == {0: 2, 1: 3, 2: 4}
