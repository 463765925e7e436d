"""How often chance alone sets two samples as far apart as they are, over all their bins together; pure.

How far: the log-likelihood ratio of the whole table (half of the statistic G), the sum over bins of how much better the
bin's own share explains what it holds than the share of all. When nothing has changed, what each bin gives to the
window is binomial, given that all of it adds up to the window. From that follows for every `tilt` above 0 (Chernoff)

    P(ratio >= r) <= E[exp(tilt * ratio)] * exp(-tilt * r) * P(adds up, tilted) / P(adds up)

where the expectation is a product over bins, as they are independent but for adding up, and the probability that tilted
bins add up is at most that of the likeliest number of any one of them. The least bound over TILTS counts. So the answer
is never too small, at every size and with any number of bins, and takes no table of random numbers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p, pi, sqrt

TILTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
STEEP_TILTS = (1.5, 3.0, 6.0)
"""Those for tables of small bins only, where every number that a bin may give is looked at."""

SMALL_BIN = 64
"""Predictions that a bin of such a table may hold."""

CLOSED_FORM_VARIANCE = 9.0
"""From here on a bin's expectation is that of half a chi-square, 1 / sqrt(1 - tilt), with CORRECTION."""

CORRECTION = 1 / 7
"""The expectation exceeds that by less than exp(CORRECTION * tilt / (1 - tilt) / variance); computed for variances
from 5 to 100, shares from 0.00001 to 0.5 and TILTS it is 0.132 at most."""

PEAK_FACTOR = 2.0
"""By how much the likeliest number of a large tilted bin is at most likelier than the normal distribution says."""

NEGLIGIBLE_EXPONENT = 30.0
"""Terms below exp(-30) change no sum that anybody reads."""

Term = tuple[float, float]
"""Of one number that a bin may give to the window: the logarithm of its probability, and its likelihood ratio's."""


def least_chance(bins: Iterable[tuple[int, int]]) -> float:
    """At most how often chance alone shows as much as these pairs of counts (reference, window) together."""
    pairs = [(before, now) for before, now in bins if before or now]
    drawn, total = sum(now for _, now in pairs), sum(before + now for before, now in pairs)
    if len(pairs) < 2 or drawn in {0, total}:
        return 1.0
    if (
        2 * drawn > total
    ):  # which side is called the window makes no difference; numbers are counted up from the smaller
        pairs, drawn = [(now, before) for before, now in pairs], total - drawn
    table = Table.of(Counter(before + now for before, now in pairs), drawn, total)
    ratio = sum(likelihood_ratio(now, before + now, table.share) for before, now in pairs)
    return exp(min(least(table.bound(tilt, ratio) for tilt in table.tilts), 0.0))


def least(values: Iterable[float]) -> float:
    """The least of numbers that fall and then rise, looking no further than that."""
    lowest = inf
    for value in values:
        if value >= lowest:
            break
        lowest = value
    return lowest


@dataclass(frozen=True, slots=True)
class Table:
    """What is known before looking: how much each bin holds in all, and how much of everything is the window's."""

    held: Counter[int]
    """How many bins hold so many predictions."""
    share: float
    adds_up: float
    """The logarithm of the probability that independent bins add up to the window."""
    terms: dict[int, list[Term]]
    """Of bins that are not large: every number that matters."""

    @classmethod
    def of(cls, held: Counter[int], drawn: int, total: int) -> "Table":
        """The table of bins that hold so much, of which `drawn` of `total` are the window's."""
        share = drawn / total
        small = (size for size in held if size * share * (1 - share) < CLOSED_FORM_VARIANCE)
        terms = {size: list(terms_of(size, share)) for size in small}
        return cls(held, share, log_binomial(drawn, total, share), terms)

    @property
    def tilts(self) -> tuple[float, ...]:
        """Those that its bins allow."""
        return TILTS + STEEP_TILTS if max(self.held) <= SMALL_BIN and len(self.terms) == len(self.held) else TILTS

    def bound(self, tilt: float, ratio: float) -> float:
        """The logarithm of the bound that one tilt gives."""
        expectation, peak = 0.0, 0.0
        for size, bins in self.held.items():
            log_mean, log_peak = self.tilted(size, tilt)
            expectation, peak = expectation + bins * log_mean, min(peak, log_peak)
        return expectation - tilt * ratio + peak - self.adds_up

    def tilted(self, size: int, tilt: float) -> tuple[float, float]:
        """Logarithms for a bin of this size: of E[exp(tilt * ratio)], and of the likeliest tilted number."""
        if size not in self.terms:
            spread = size * self.share * (1 - self.share)
            normal_peak = PEAK_FACTOR * sqrt((1 - tilt) / (2 * pi * spread))
            return -log(1 - tilt) / 2 + CORRECTION * tilt / (1 - tilt) / spread, log(normal_peak)
        exponents = [probability + tilt * ratio for probability, ratio in self.terms[size]]
        mean = log(sum(map(exp, exponents)))
        return mean, max(exponents) - mean


def terms_of(size: int, share: float) -> Iterator[Term]:
    """Every number that a bin may give, but for those that no tilt makes matter."""
    for number in range(size + 1):
        ratio = likelihood_ratio(number, size, share)
        if number > size * share and size > SMALL_BIN and ratio * (1 - TILTS[-1]) > NEGLIGIBLE_EXPONENT:
            return
        yield log_binomial(number, size, share), ratio


def likelihood_ratio(number: int, size: int, share: float) -> float:
    """The logarithm of how much better `number / size` explains the number than `share` does."""
    other = size - number
    explained = number * log(number / (size * share)) if number else 0.0
    return explained + (other * log(other / (size * (1 - share))) if other else 0.0)


def log_binomial(number: int, size: int, share: float) -> float:
    """The logarithm of the probability of `number` successes in `size`."""
    ways = lgamma(size + 1) - lgamma(number + 1) - lgamma(size - number + 1)
    return ways + number * log(share) + (size - number) * log1p(-share)
