"""Quantiles from a logarithmic histogram, as DDSketch has it; pure.

Bin i counts values in (GAMMA^(i-1), GAMMA^i]. One number stands for all of them, and it is wrong by at most
(GAMMA - 1) / (GAMMA + 1) = 0.991 % of the true value, whatever its size. The migrations fill the bins with the same
GAMMA. A quantile is interpolated between two values as Postgres's `percentile_cont` does; both are that close, so what
lies between them is as well, unless one is below 0 and the other above: then it may be wrong by 0.991 % of the larger.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import copysign

GAMMA = 1.02

ZERO_BIN = -100_000
"""The bin of the value 0, which has no logarithm; below every other bin."""


def value_of(time_bin: int) -> float:
    """The number that stands for all values of a bin."""
    return 0.0 if time_bin == ZERO_BIN else 2 * GAMMA**time_bin / (GAMMA + 1)


SIGNED_BIN_ONE = 50_000
"""Of values with a sign the bin is this plus i above 0, the same with the sign turned below 0, and 0 for 0."""


def upper_bound(value_bin: int) -> float:
    """The largest absolute value in a bin of values with a sign."""
    return GAMMA ** (abs(value_bin) - SIGNED_BIN_ONE)


def signed_value_of(value_bin: int) -> float:
    """The number that stands for all values of a bin, where values have a sign."""
    return 0.0 if value_bin == 0 else copysign(2 * upper_bound(value_bin) / (GAMMA + 1), value_bin)


def quantiles(
    counts: Mapping[int, int],
    fractions: Sequence[float],
    smallest: float,
    largest: float,
    value_of: Callable[[int], float] = value_of,
) -> tuple[float, ...]:
    """The values below which the given fractions lie; `smallest` and `largest` are exact and bound them."""
    bins = sorted(counts)
    ranks = list(accumulate(counts[time_bin] for time_bin in bins))

    def at(rank: int) -> float:
        """The value with `rank` values before it; the first and the last are exact."""
        if rank == 0:
            return smallest
        if rank == ranks[-1] - 1:
            return largest
        holds_rank = next(time_bin for time_bin, upto in zip(bins, ranks, strict=True) if rank < upto)
        return min(max(value_of(holds_rank), smallest), largest)

    def quantile(fraction: float) -> float:
        position = fraction * (ranks[-1] - 1)
        rank = int(position)
        low = at(rank)
        return low if rank == position else low + (at(rank + 1) - low) * (position - rank)

    return tuple(quantile(fraction) for fraction in fractions)
