"""What chance alone does to two samples that are drawn from one and the same distribution; pure.

Two samples are one heap of n + m predictions from which m were drawn for the window. When nothing has changed, the
number of those drawn that are of a certain kind is distributed hypergeometrically, at every size: that is exact, where
the usual approximations (chi-square) fail for small counts. Tails are never said to be smaller than they are.
"""

from math import exp, lgamma

EXACT_TERMS = 64
"""Terms of a tail that are added up; what remains beyond them is bounded by a geometric series."""

NEGLIGIBLE = 1e-12
"""A probability that no longer changes a sum that anybody reads."""


def two_sided(found: int, drawn: int, marked: int, total: int) -> float:
    """How often chance shows a number at least as far out as `found`, on either side; never too small."""
    above = tail_above(found, drawn, marked, total)
    below = tail_above(drawn - found, drawn, total - marked, total)
    return min(1.0, 2 * min(above, below))


def tail_above(found: int, drawn: int, marked: int, total: int) -> float:
    """P(at least `found` of the `drawn` are among the `marked` of `total`), or somewhat more for large numbers."""
    most = min(drawn, marked)
    if found <= max(0, drawn + marked - total):
        return 1.0
    if found > most:
        return 0.0
    term, tail = exp(log_probability(found, drawn, marked, total)), 0.0
    for _ in range(EXACT_TERMS):
        tail += term
        if found == most:
            return min(tail, 1.0)
        ratio = next_ratio(found, drawn, marked, total)
        term *= ratio
        found += 1
    # The ratios of neighbours fall, so what remains is less than a geometric series with the last of them.
    return min(1.0, tail + term / (1 - ratio)) if ratio < 1 else 1.0


def next_ratio(found: int, drawn: int, marked: int, total: int) -> float:
    """P(found + 1) / P(found)."""
    return (marked - found) * (drawn - found) / ((found + 1) * (total - marked - drawn + found + 1))


def log_probability(found: int, drawn: int, marked: int, total: int) -> float:
    """The logarithm of P(exactly `found`)."""
    ways = log_choose(marked, found) + log_choose(total - marked, drawn - found)
    return ways - log_choose(total, drawn)


def log_choose(n: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def probabilities(drawn: int, marked: int, total: int) -> dict[int, float]:
    """Number found → its probability, without the negligible ones; for small numbers, as its cost grows with them."""
    least, most = max(0, drawn + marked - total), min(drawn, marked)
    middle = min(max((drawn + 1) * (marked + 1) // (total + 2), least), most)
    peak = exp(log_probability(middle, drawn, marked, total))
    found = {middle: peak}
    number, probability = middle, peak
    while number < most and probability > NEGLIGIBLE:
        probability *= next_ratio(number, drawn, marked, total)
        number += 1
        found[number] = probability
    number, probability = middle, peak
    while number > least and probability > NEGLIGIBLE:
        number -= 1
        probability /= next_ratio(number, drawn, marked, total)
        found[number] = probability
    return found


def variance(drawn: int, marked: int, total: int) -> float:
    """How much the number found scatters."""
    return drawn * (marked / total) * (1 - marked / total) * (total - drawn) / max(total - 1, 1)
