"""Intervals hold the truth as often as they say, and a difference is claimed where there is none as seldom."""

import random
from collections import Counter
from math import exp

import pytest

from metrics_service.side_by_side.intervals import (
    Interval,
    binned_variance,
    deviations,
    difference,
    of_average,
    of_quantile,
    of_share,
)
from metrics_service.windows.histogram import quantiles, value_of

SEED = 20261127
Z = deviations(0.05)


@pytest.fixture
def chance() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def test_newcombes_worked_examples() -> None:
    """Newcombe 1998, table II, method 10: 56/70 and 48/80; 9/10 and 3/10; 10/10 and 0/10."""
    for one, other, low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ):
        found = difference(of_share(*other, Z), of_share(*one, Z))
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("sizes", "shares"), [((30, 60), (0.9, 0.9)), ((400, 50), (0.02, 0.1)), ((20, 20), (0.5, 0.2))]
)
def test_a_difference_of_shares_is_within_its_interval(
    chance: random.Random, sizes: tuple[int, int], shares: tuple[float, float]
) -> None:
    held = 0
    for _ in range(2000):
        sides = [of_share(sum(chance.random() < p for _ in range(n)), n, Z) for n, p in zip(sizes, shares, strict=True)]
        held += holds(difference(*sides), shares[1] - shares[0])
    assert held / 2000 >= 0.935


def test_a_percentile_from_a_histogram_is_within_its_interval(chance: random.Random) -> None:
    """Of times as they are: lognormal; the bins are 2 % wide, which the interval of 400 exceeds by far."""
    truth, held = exp(1.6449 * 0.5), 0
    for _ in range(1000):
        times = sorted(exp(chance.gauss(0, 0.5)) for _ in range(400))
        bins = Counter(binned(time) for time in times)

        def at(part: float, bins: Counter[int] = bins, times: list[float] = times) -> float:
            return quantiles(bins, (part,), times[0], times[-1])[0]

        held += holds(of_quantile(at(0.95), 0.95, 400, at, Z), truth)
    assert held / 1000 >= 0.93


def binned(time: float) -> int:
    """As the migrations do: the first bin whose end is not below it."""
    number = -400
    while 1.02**number < time:
        number += 1
    return number


def test_of_a_handful_no_percentile_and_no_average_is_claimed() -> None:
    assert of_quantile(5.0, 0.95, 20, lambda part: 5.0, Z) is None
    assert of_average(5.0, 1.0, 4, Z) is None
    assert of_share(0, 0, Z) is None


def test_the_variance_of_bins_is_that_of_what_they_hold(chance: random.Random) -> None:
    times = [exp(chance.gauss(2, 0.7)) for _ in range(5000)]
    average = sum(times) / len(times)
    exact = sum((time - average) ** 2 for time in times) / len(times)
    assert binned_variance(Counter(map(binned, times)), value_of) == pytest.approx(exact, rel=0.02)
    assert binned_variance({3: 10}, value_of, half_width=0.5) == pytest.approx(0.25)


def test_a_share_is_within_its_own_interval_to_the_last_bit() -> None:
    """Of none and of all, rounding would leave an end beside it by some 10⁻¹⁸."""
    for whole in range(1, 500):
        for part in (0, whole):
            found = of_share(part, whole, Z)
            assert found is not None
            assert 0 <= found.low <= part / whole <= found.high <= 1
