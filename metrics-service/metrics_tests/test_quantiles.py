"""Quantiles from the histogram are those of the values, within one percent."""

from collections import Counter
from math import ceil, copysign, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_service.windows.histogram import GAMMA, SIGNED_BIN_ONE, ZERO_BIN, quantiles, signed_value_of

FRACTIONS = (0.0, 0.01, 0.5, 0.95, 0.99, 1.0)


def bin_of(value: float) -> int:
    return ceil(log(value) / log(GAMMA)) if value > 0 else ZERO_BIN


def percentile_cont(values: list[float], fraction: float) -> float:
    position = fraction * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


@given(st.lists(st.just(0.0) | st.floats(1e-300, 1e300), min_size=1, max_size=200))
def test_every_quantile_is_within_one_percent(values: list[float]) -> None:
    values.sort()
    counts = Counter(bin_of(value) for value in values)
    for fraction, found in zip(FRACTIONS, quantiles(counts, FRACTIONS, values[0], values[-1]), strict=True):
        assert found == pytest.approx(percentile_cont(values, fraction), rel=0.01)


def signed_bin_of(value: float) -> int:
    if abs(value) < 1e-9:
        return 0
    return int(copysign(SIGNED_BIN_ONE + ceil(log(abs(value)) / log(GAMMA)), value))


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=200))
def test_with_a_sign_they_are_so_from_a_billionth_on(values: list[float]) -> None:
    values.sort()
    counts = Counter(signed_bin_of(value) for value in values)
    found = quantiles(counts, FRACTIONS, values[0], values[-1], signed_value_of)
    for fraction, value in zip(FRACTIONS, found, strict=True):
        position = fraction * (len(values) - 1)
        around = max(abs(values[int(position)]), abs(values[ceil(position)]))
        assert value == pytest.approx(percentile_cont(values, fraction), abs=0.01 * around + 2e-9)


def test_bins_of_values_are_in_their_order() -> None:
    values = [-1e14, -2.5, -1.0, -1e-8, 0.0, 1e-10, 1e-8, 1.0, 2.5, 1e14]
    bins = [signed_bin_of(value) for value in values]
    assert bins == sorted(bins)


def test_the_ends_are_exact() -> None:
    assert quantiles({bin_of(3.0): 1, bin_of(7.0): 1}, (0, 1), 3.0, 7.0) == (3.0, 7.0)
