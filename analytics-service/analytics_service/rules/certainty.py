"""How often chance alone shows as much as was seen; pure. Never too small where something has to be assumed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, sqrt

SURE = 0.001
"""A change that chance shows more often than in one of 1,000 comparisons is not told as one."""

MIN_SAMPLE = 30
"""Predictions that a window needs before its averages are compared: below, the normal distribution fits no average."""

Z_OF_SURE = 3.29
"""So many standard deviations from the middle lies what chance shows in one of 1,000 cases, to both sides."""

BIN = re.compile(r"(\d\.\d+)-(\d\.\d+)")
"""A range of confidence: `0.55-0.60`."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of so many measurements the figures that a share of them, 0 to 1, is not above."""

    number: int
    at: Mapping[float, float]


def by_chance(difference: float, variance: float) -> float:
    """How often a difference of this size or more, to either side, comes from a variance of this size."""
    if variance <= 0:
        return 0.0 if difference else 1.0
    return erfc(abs(difference) / sqrt(2 * variance))


def means_by_chance(before: tuple[float, int, float], now: tuple[float, int, float]) -> float:
    """How often two averages are so far apart by chance; each is (mean, count, variance of the single values)."""
    (mean_before, count_before, spread_before), (mean_now, count_now, spread_now) = before, now
    return by_chance(mean_now - mean_before, spread_before / count_before + spread_now / count_now)


def shares_by_chance(part: int, whole: int, other_part: int, other_whole: int) -> float:
    """How often two shares are so far apart by chance."""
    pooled = (part + other_part) / (whole + other_whole)
    return by_chance(part / whole - other_part / other_whole, pooled * (1 - pooled) * (1 / whole + 1 / other_whole))


def rise_by_chance(before: Percentiles, now: Percentiles) -> float:
    """How often chance shows figures that moved up as far, whatever their distribution.

    Percentiles are counts in disguise: where the 95th lies above what was the 99th, five in a hundred are beyond what
    one in a hundred was. Each pair of percentiles is one such comparison; the best one counts, times their number.
    """
    comparisons = [
        shares_by_chance(
            round((1 - share) * before.number), before.number, round((1 - share_now) * now.number), now.number
        )
        for share, value in before.at.items()
        for share_now, value_now in now.at.items()
        if share_now < share and value_now >= value
    ]
    pairs = len(before.at) * (len(before.at) - 1) // 2
    return min(1.0, min(comparisons, default=1.0) * pairs)


def counts_by_chance(before: int, now: int) -> float:
    """How often two counts of independent callers are so far apart by chance."""
    return by_chance(now - before, now + before)


def one_sided_by_chance(part: int, whole: int, other_whole: int) -> float:
    """How often chance puts all that are of a kind into this window, and none into the other (never too small)."""
    return float((whole / (whole + other_whole)) ** part)


def spread_of(mean: float, shares: Mapping[str, float] | None = None) -> float:
    """The variance of confidences at most: by the shares of their ranges, else what any values from 0 to 1 can have."""
    widest = mean * (1 - mean)
    ranges = [(BIN.fullmatch(name), share) for name, share in (shares or {}).items()]
    if not ranges or any(match is None for match, _ in ranges):
        return widest
    ends = [(float(match[1]), float(match[2]), share) for match, share in ranges if match]
    return min(widest, sum(share * max((low - mean) ** 2, (high - mean) ** 2) for low, high, share in ends))


def highest_share(part: float, whole: float) -> float:
    """What the true share is at most, for sure, after so many of so many (Wilson's interval)."""
    z2 = Z_OF_SURE**2
    centre = part / whole + z2 / (2 * whole)
    width = Z_OF_SURE * sqrt(part / whole * (1 - part / whole) / whole + z2 / (4 * whole**2))
    return (centre + width) / (1 + z2 / whole)
