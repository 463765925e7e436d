"""Whether two distributions differ, how certainly and by how much; pure.

Whether: the bins are split in two in every way that is looked at, and taken all together (`contingency`), and each is
held against what chance alone does, which is never understated, at any size. The least probability counts, times the
number of splits and of measures (Bonferroni), so that with nothing changed at most FALSE_ALARMS of comparisons claim a
change, over all measures together.

How much: PSI (population stability index) with half a count added to every bin (of many bins less, so that what is
added never outweighs what was counted), so that a bin which is empty on one side is no infinity, less what it is on
average when nothing has changed. The Jensen-Shannon distance is shown as well.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, log2, sqrt

from metrics_service.drift.certainty import FALSE_ALARMS, could_tell, detectable_psi, p_value
from metrics_service.drift.chance import probabilities, variance
from metrics_service.drift.splits import Bin
from shared.contracts.drift import DriftStatus

SLIGHT_PSI = 0.01
"""Below it nothing matters, however certain: of two labels of equal share, five points more of one are 0.01."""
MODERATE_PSI = 0.1
SIGNIFICANT_PSI = 0.25
"""The usual bands."""

MOST_ADDED = 10.0
"""Counts that are added to all bins together, at most: half a one to each of up to twenty."""

SMALL_VARIANCE = 25.0
"""Up to here an expected PSI is computed from every number that a bin may hold; beyond, the limit is within 2 %."""

NORMAL_95 = 1.6449
"""The 95th percentile of the normal distribution."""

Counts = Mapping[Hashable, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Distances of two samples and what they mean; None where one of them is empty."""

    status: DriftStatus
    psi: float | None = None
    js_distance: float | None = None
    chance_psi: float | None = None
    expected_psi: float | None = None
    detectable_psi: float | None = None
    p_value: float | None = None
    certainty: float | None = None


def compare(reference: Counts, current: Counts, *, is_ordered: bool = False, measures: int = 1) -> Comparison:
    """Compares two samples of counts per bin. `measures`: how many comparisons one report makes."""
    n, m = sum(reference.values()), sum(current.values())
    if not n or not m:
        return Comparison(DriftStatus.NOT_ENOUGH_DATA)
    bins = ordered_bins(reference, current)
    chance = p_value(bins, n, m, is_ordered=is_ordered, measures=measures)
    psi, expected = population_stability_index(reference, current), expected_psi(bins, n, m)
    can_judge = chance < FALSE_ALARMS or could_tell(bins, n, m, is_ordered=is_ordered, measures=measures)
    return Comparison(
        status=verdict(chance, psi - expected, can_judge=can_judge),
        psi=psi,
        js_distance=jensen_shannon_distance(reference, current),
        chance_psi=expected * chi_square_95(len(bins) - 1) / max(len(bins) - 1, 1),
        expected_psi=expected,
        detectable_psi=detectable_psi(bins, n, m, is_ordered=is_ordered, measures=measures),
        p_value=chance,
        certainty=1 - chance,
    )


def verdict(p_value: float, excess_psi: float, *, can_judge: bool) -> DriftStatus:
    """What a certainty and a size of change amount to."""
    if p_value < FALSE_ALARMS:
        return band(excess_psi)
    return DriftStatus.STABLE if can_judge else DriftStatus.NOT_ENOUGH_DATA


def band(excess_psi: float) -> DriftStatus:
    """What the size of a certain change means."""
    if excess_psi >= SIGNIFICANT_PSI:
        return DriftStatus.SIGNIFICANT
    if excess_psi >= MODERATE_PSI:
        return DriftStatus.MODERATE
    return DriftStatus.SLIGHT if excess_psi >= SLIGHT_PSI else DriftStatus.STABLE


ORDER = (
    DriftStatus.STABLE,
    DriftStatus.NOT_ENOUGH_DATA,
    DriftStatus.SLIGHT,
    DriftStatus.MODERATE,
    DriftStatus.SIGNIFICANT,
)


def worst(statuses: Iterable[DriftStatus]) -> DriftStatus:
    """The worst verdict: whoever says `stable` has judged everything."""
    return max(statuses, key=ORDER.index)


def ordered_bins(reference: Counts, current: Counts) -> list[Bin]:
    """The bins that hold anything; those of numbers in their order."""
    keys = sorted(reference.keys() | current.keys())  # type: ignore[type-var] # all of one kind: text or numbers
    bins = ((reference.get(key, 0), current.get(key, 0)) for key in keys)
    return [(before, now) for before, now in bins if before or now]


def added_count(bins: int) -> float:
    """What is added to the count of every bin, on both sides."""
    return min(0.5, MOST_ADDED / bins)


def psi_term(before: int, now: int, n: int, m: int, bins: int) -> float:
    """What one of so many bins adds to PSI."""
    added = added_count(bins)
    p, q = (before + added) / (n + added * bins), (now + added) / (m + added * bins)
    return (q - p) * log(q / p)


def population_stability_index(reference: Counts, current: Counts) -> float:
    """The sum over bins of (q - p) ln(q / p)."""
    bins = ordered_bins(reference, current)
    n, m = sum(reference.values()), sum(current.values())
    return sum(psi_term(before, now, n, m, len(bins)) for before, now in bins)


def expected_psi(bins: Sequence[Bin], n: int, m: int) -> float:
    """What PSI is on average when the window's `m` predictions are drawn at random from all `n + m`."""
    held = Counter(before + now for before, now in bins)
    return sum(number * expected_term(size, n, m, len(bins)) for size, number in held.items())


def expected_term(held: int, n: int, m: int, bins: int) -> float:
    """The same of one bin, which holds so many of all predictions."""
    if variance(m, held, n + m) > SMALL_VARIANCE:
        return (1 - held / (n + m)) * (1 / n + 1 / m)
    chances = probabilities(m, held, n + m)
    return sum(chance * psi_term(held - now, now, n, m, bins) for now, chance in chances.items())


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of the divergence: 0 for the same distribution, 1 for two that share no bin."""
    n, m = sum(reference.values()), sum(current.values())
    divergence = 0.0
    for before, now in ordered_bins(reference, current):
        p, q = before / n, now / m
        middle = (p + q) / 2
        divergence += sum(share / 2 * log2(share / middle) for share in (p, q) if share)
    return sqrt(min(max(divergence, 0.0), 1.0))


def chi_square_95(degrees: int) -> float:
    """The 95th percentile of the chi-square distribution, by Wilson and Hilferty's approximation (within 1 %)."""
    if degrees == 0:
        return 0.0
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + NORMAL_95 * sqrt(spread)) ** 3)
