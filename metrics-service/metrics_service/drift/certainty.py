"""How certain a change is, and what change could be found with so many predictions; pure.

The splits (`splits`) find what has moved from or to a part of the bins; all bins together (`joint_chance`) what has
moved everywhere a little. Both have a part of the false alarms that are allowed.
"""

from collections.abc import Sequence
from math import log, sqrt
from statistics import NormalDist

from metrics_service.drift.chance import tail_above
from metrics_service.drift.joint_chance import least_chance
from metrics_service.drift.splits import Bin, least_probability, splits

FALSE_ALARMS = 0.001
"""Share of reports that may claim a change where there is none."""

LIKELY = 0.05
"""A change that chance shows less often than that keeps an alert open; to open one it must be certain."""

JOINT_PART = 0.2
"""Part of it for all bins together. Splits have the rest, as what mostly happens is that one label gains a share."""

DETECTED = 0.95
"""Share of true changes of `detectable_psi` that are found."""

HALVINGS = 50
"""Steps of a search that halves what is left."""


def p_value(bins: Sequence[Bin], n: int, m: int, *, is_ordered: bool, measures: int) -> float:
    """At most how often chance alone shows as much in any way that is looked at, in any of so many measures."""
    sides = splits(bins, is_ordered=is_ordered)
    of_splits = tests_of(len(sides), measures) * least_probability(sides, n, m)
    if len(sides) == 1:
        return min(1.0, of_splits)
    return min(1.0, of_splits, measures / JOINT_PART * least_chance(bins))


def tests_of(sides: int, measures: int) -> float:
    """By what the least probability of so many splits is multiplied."""
    return measures if sides == 1 else measures * sides / (1 - JOINT_PART)


def could_tell(bins: Sequence[Bin], n: int, m: int, *, is_ordered: bool, measures: int) -> bool:
    """Whether it would have been found for certain if half of all predictions had moved, or if nothing were as it was.

    Half: one bin holds half of the reference, and all of the window. Nothing: the window's bins are all new ones.
    """
    tests = tests_of(len(splits(bins, is_ordered=is_ordered)), measures)
    if 2 * tests * tail_above(m, m, n // 2 + m, n + m) >= FALSE_ALARMS:
        return False
    replaced = [(before, 0) for before, _ in bins if before] + [(0, now) for _, now in bins if now]
    return p_value(replaced, n, m, is_ordered=is_ordered, measures=measures) < FALSE_ALARMS


def detectable_psi(bins: Sequence[Bin], n: int, m: int, *, is_ordered: bool, measures: int) -> float:
    """The PSI of a change that is found DETECTED of the time, whether one share has changed or all; approximately."""
    sides = len(splits(bins, is_ordered=is_ordered))
    normal = NormalDist()
    distance = normal.inv_cdf(1 - FALSE_ALARMS / (2 * tests_of(sides, measures))) + normal.inv_cdf(DETECTED)
    everywhere = spread_change(len(bins), measures) if sides > 1 else 0.0
    return max(distance**2, everywhere) * (1 / n + 1 / m)


def spread_change(bins: int, measures: int) -> float:
    """How far apart all bins together must be (the non-centrality of chi-square) to be found DETECTED of the time."""
    needed, degrees, deviations = 2 * needed_ratio(bins, measures), bins - 1, NormalDist().inv_cdf(DETECTED)
    # The statistic is degrees + change on average, and scatters by sqrt(2 * (degrees + 2 * change)).
    lack, scatter = needed - degrees, 2 * deviations**2
    return lack + scatter + sqrt((lack + scatter) ** 2 - lack**2 + scatter * degrees)


def needed_ratio(bins: int, measures: int) -> float:
    """The log-likelihood ratio at which `least_chance` is certain, for large bins of equal size."""

    def log_chance(ratio: float) -> float:
        return bins / 2 * (log(2 * ratio / bins) + 1) - ratio + log(4 * bins) / 2

    low, high = bins / 2, 50.0 + 5 * bins
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if log_chance(middle) < log(FALSE_ALARMS * JOINT_PART / measures) else (middle, high)
    return high
