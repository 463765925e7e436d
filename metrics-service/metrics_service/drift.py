"""How far two distributions are apart; pure.

PSI (population stability index) with half a count added to every bin, so that a bin which is empty on one side is no
infinity, and the Jensen-Shannon distance (base 2). Two samples of one and the same distribution differ as well: their
PSI is distributed like (1/n + 1/m) times chi-square with as many degrees of freedom as there are bins, less one. Where
that alone may reach the first band, there is not enough data to say anything.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import log, log2, sqrt

from shared.contracts.metrics import DriftStatus

MODERATE_PSI = 0.1
SIGNIFICANT_PSI = 0.25
"""The usual bands."""

MIN_SAMPLE = 30
"""Below this the approximation by chi-square itself does not hold."""

NORMAL_95 = 1.6449
"""The 95th percentile of the normal distribution."""

Counts = Mapping[Hashable, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The distances of two samples; None where one of them is empty."""

    status: DriftStatus
    psi: float | None = None
    js_distance: float | None = None
    chance_psi: float | None = None


def compare(reference: Counts, current: Counts) -> Comparison:
    """The distances between two samples of counts per bin, and what they mean."""
    n, m = sum(reference.values()), sum(current.values())
    if not n or not m:
        return Comparison(DriftStatus.NOT_ENOUGH_DATA)
    bins = reference.keys() | current.keys()
    psi, chance = population_stability_index(reference, current), (1 / n + 1 / m) * chi_square_95(len(bins) - 1)
    enough = min(n, m) >= MIN_SAMPLE and chance < MODERATE_PSI
    status = band(psi) if enough else DriftStatus.NOT_ENOUGH_DATA
    return Comparison(status, psi, jensen_shannon_distance(reference, current), chance)


def band(psi: float, margin: float = 0.0) -> DriftStatus:
    """What a PSI means; with a `margin`, the bands begin that much (a share) earlier."""
    if psi >= SIGNIFICANT_PSI * (1 - margin):
        return DriftStatus.SIGNIFICANT
    return DriftStatus.MODERATE if psi >= MODERATE_PSI * (1 - margin) else DriftStatus.STABLE


def worst(statuses: Iterable[DriftStatus]) -> DriftStatus:
    """The worst of what can be judged."""
    order = (DriftStatus.NOT_ENOUGH_DATA, DriftStatus.STABLE, DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)
    return max(statuses, key=order.index)


def population_stability_index(reference: Counts, current: Counts) -> float:
    """The sum over bins of (q - p) ln(q / p)."""
    bins = reference.keys() | current.keys()
    n, m = (sum(counts.values()) + 0.5 * len(bins) for counts in (reference, current))
    shares = (((reference.get(key, 0) + 0.5) / n, (current.get(key, 0) + 0.5) / m) for key in bins)
    return sum((q - p) * log(q / p) for p, q in shares)


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of the divergence: 0 for the same distribution, 1 for two that share no bin."""
    n, m = sum(reference.values()), sum(current.values())
    divergence = 0.0
    for key in reference.keys() | current.keys():
        p, q = reference.get(key, 0) / n, current.get(key, 0) / m
        middle = (p + q) / 2
        divergence += sum(share / 2 * log2(share / middle) for share in (p, q) if share)
    return sqrt(min(max(divergence, 0.0), 1.0))


def chi_square_95(degrees: int) -> float:
    """The 95th percentile of the chi-square distribution, by Wilson and Hilferty's approximation (within 1 %)."""
    if degrees == 0:
        return 0.0
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + NORMAL_95 * sqrt(spread)) ** 3)
