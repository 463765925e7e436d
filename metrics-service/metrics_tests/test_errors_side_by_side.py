"""Mean absolute errors of two sides: how often one is claimed to be larger where it is not, and where it is."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from metrics_service.side_by_side.differences import difference_of
from metrics_service.side_by_side.intervals import deviations, student
from metrics_service.side_by_side.quantities import Measured, average_error, errors_by_chance
from metrics_service.side_by_side.sample import Sample
from metrics_service.windows.histogram import GAMMA, SIGNED_BIN_ONE
from shared.contracts.values import ErrorFigures, ErrorMetrics

SEED = 20261128
FALSE_ALARMS = 1e-4
ERROR = Measured("mean_absolute_error", lambda side: side.errors.mae, average_error, lambda _: 0.0)
CHECKED = Measured("mean_absolute_error", ERROR.value, ERROR.interval, ERROR.least, by_chance=errors_by_chance)


class Judged:
    """All of a quality that errors are read of."""

    def __init__(self, errors: Sequence[float]) -> None:
        mae, square = math.fsum(errors) / len(errors), math.fsum(each**2 for each in errors) / len(errors)
        figures = {"judged": len(errors), "mae": mae, "rmse": math.sqrt(square)}
        self.errors = ErrorMetrics(**figures, trusted=ErrorFigures(**figures))


def side(errors: Sequence[float]) -> Sample:
    """Errors as they are read: their sums, and bins as Postgres makes them."""
    bins = Counter(SIGNED_BIN_ONE + math.ceil(math.log(each, GAMMA)) if each >= 1e-9 else 0 for each in errors)
    return Sample(None, {}, None, Judged(errors), 1.0, bins)


def usual(chance: random.Random) -> float:
    return abs(chance.gauss(0, 1))


def skewed(chance: random.Random) -> float:
    return chance.expovariate(1)


def rare_and_large(chance: random.Random) -> float:
    """One in twenty is ten times as large, and makes a third of the average."""
    return abs(chance.gauss(0, 10 if chance.random() < 0.05 else 1))


def claims(
    measured: Measured, draw: Callable[[random.Random], float], sizes: tuple[int, int], times: int, larger: float = 1.0
) -> float:
    """How often a difference of two sides is claimed, of which the second is so many times as large."""
    chance, found = random.Random(SEED), 0
    for _ in range(times):
        before = side([draw(chance) for _ in range(sizes[0])])
        now = side([larger * draw(chance) for _ in range(sizes[1])])
        found += difference_of(measured, before, now, FALSE_ALARMS).is_certain
    return found / times


@pytest.mark.parametrize("draw", [usual, skewed, rare_and_large])
def test_equal_errors_are_told_apart_as_seldom_as_is_said(draw: Callable[[random.Random], float]) -> None:
    """A small side beside a large one is the hardest: at most one in 1,500, where one in 10,000 is said."""
    assert claims(CHECKED, draw, (1000, 30), 1500) <= 1 / 1500


def test_an_interval_alone_claims_too_much_where_few_errors_make_the_average() -> None:
    assert claims(ERROR, rare_and_large, (1000, 30), 1500) > 20 * FALSE_ALARMS


@pytest.mark.parametrize(("sizes", "larger"), [((300, 150), 2.0), ((1000, 60), 3.0), ((1000, 1000), 1.3)])
def test_larger_errors_are_found(sizes: tuple[int, int], larger: float) -> None:
    assert claims(CHECKED, usual, sizes, 60, larger) >= 0.9


def test_the_interval_of_an_error_holds_the_truth_as_often_as_it_says() -> None:
    chance, held = random.Random(SEED), 0
    for _ in range(2000):
        interval = average_error(side([skewed(chance) for _ in range(40)]), deviations(0.05))
        held += interval.low <= 1 <= interval.high
    assert 0.93 <= held / 2000 <= 0.97


def test_students_quantile_is_the_one_of_tables() -> None:
    """Two-sided 0.05 and 0.001, of 29, 60 and 120 degrees of freedom."""
    for level, expected in ((0.05, (2.0452, 2.0003, 1.9799)), (0.001, (3.6594, 3.4602, 3.3735))):
        found = [student(deviations(level), degrees) for degrees in (29, 60, 120)]
        assert found == pytest.approx(expected, rel=1e-3)


def test_of_a_handful_and_of_no_errors_at_all_nothing_is_claimed() -> None:
    assert average_error(side([1.0] * 29), 2.0) is None
    exact = average_error(side([0.0] * 50), 2.0)
    assert (exact.low, exact.high) == (0, 0)
    found = difference_of(CHECKED, side([0.0] * 50), side([0.0] * 50), FALSE_ALARMS)
    assert (found.difference, found.is_certain) == (0, False)
