"""Where a number that was measured in a sample truly lies, and by how much two of them differ; pure.

A difference has its interval from those of its two sides (MOVER: Zou and Donner, "Construction of confidence limits
about effect measures", Statistics in Medicine 27, 2008, equation 5); of two shares that is Newcombe's hybrid score
interval (Statistics in Medicine 17, 1998, method 10), which holds for few predictions and for shares near 0 and 1 too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, exp, floor, sqrt
from statistics import NormalDist

NORMAL = NormalDist()

FEW_AND_SKEWED = 30
"""The same where measurements are skewed, as errors are."""

FEW = 5
"""With fewer measurements than that on a side, nothing is said of where an average or a percentile lies."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and where the truth lies."""

    estimate: float
    low: float
    high: float


def deviations(chance: float) -> float:
    """How many standard deviations are exceeded, on either side, with this chance."""
    return NORMAL.inv_cdf(1 - chance / 2)


def of_share(part: float, whole: float, z: float) -> Interval | None:
    """Wilson's score interval (Journal of the American Statistical Association 22, 1927); None of nothing.

    Its ends are 0 for none and 1 for all, which rounding would leave beside the share by a hair.
    """
    if whole <= 0:
        return None
    share = part / whole
    middle, spread = share + z * z / (2 * whole), z * sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2)
    scale = 1 + z * z / whole
    low, high = max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)
    return Interval(share, min(low, share), max(high, share))


def of_average(average: float, variance: float, number: float, z: float) -> Interval | None:
    """The central limit theorem's interval; `variance`: of one measurement."""
    if number < FEW:
        return None
    spread = z * sqrt(variance / (number - 1))
    return Interval(average, average - spread, average + spread)


def of_skewed_average(average: float, variance: float, number: int, z: float) -> Interval | None:
    """The interval of an average of numbers that are not below 0, most of them small: that of its logarithm.

    Where few measurements happen to be small, they scatter little as well, and the usual interval would be short just
    when it is off. A logarithm's scatter is that of the ratio of both (the delta method), which stays; and Student's
    quantile stands for the normal one.
    """
    if number < FEW_AND_SKEWED:
        return None
    if average <= 0:
        return Interval(average, average, average)
    spread = exp(student(z, number - 1) * sqrt(variance / (number - 1)) / average)
    return Interval(average, average / spread, average * spread)


def student(z: float, degrees: int) -> float:
    """Student's quantile where the normal one is `z` (Abramowitz and Stegun 26.7.5; of 29 degrees on within 1 %)."""
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return float(z + first / degrees + second / degrees**2 + third / degrees**3)


def of_quantile(
    quantile: float, fraction: float, number: int, at: Callable[[float], float], z: float
) -> Interval | None:
    """From order statistics, whatever the distribution; `at`: the value below which a fraction of the sample lies.

    How many of `number` measurements lie below the true quantile is binomial. None: so few measurements that an end
    of the interval would lie beyond all of them.
    """
    spread = z * sqrt(number * fraction * (1 - fraction))
    low, high = floor(number * fraction - spread), ceil(number * fraction + spread)
    if low < 0 or high >= number:
        return None
    last = max(number - 1, 1)
    return Interval(quantile, min(at(low / last), quantile), max(at(min(high / last, 1.0)), quantile))


def difference(reference: Interval, current: Interval) -> Interval:
    """Current less reference."""
    below = sqrt((current.estimate - current.low) ** 2 + (reference.high - reference.estimate) ** 2)
    above = sqrt((current.high - current.estimate) ** 2 + (reference.estimate - reference.low) ** 2)
    estimate = current.estimate - reference.estimate
    return Interval(estimate, estimate - below, estimate + above)


def binned_variance(counts: Mapping[int, int], value_of: Callable[[int], float], half_width: float = 0.0) -> float:
    """The variance of what was counted in bins, or more: each measurement may lie `half_width` from its bin's value."""
    number = sum(counts.values())
    if not number:
        return 0.0
    average = sum(value_of(key) * n for key, n in counts.items()) / number
    scatter = sum((value_of(key) - average) ** 2 * n for key, n in counts.items()) / number
    return (sqrt(scatter) + half_width) ** 2
