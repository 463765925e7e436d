"""Whether two distributions differ, how certainly and by how much; pure.

Whether: the bins are split in two in every way that is looked at (one label against the rest; of ordered bins also
those below an edge against those above) and each split is held against what chance alone does (`chance`), which is
exact at every size. The least probability counts, times the number of splits and of measures (Bonferroni), so that
with nothing changed at most FALSE_ALARMS of comparisons claim a change, over all measures together.

How much: PSI (population stability index) with half a count added to every bin, so that a bin which is empty on one
side is no infinity, less what it is on average when nothing has changed. The Jensen-Shannon distance is shown as well.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, log2, sqrt
from statistics import NormalDist

from metrics_service.chance import probabilities, tail_above, two_sided, variance
from shared.contracts.metrics import DriftStatus

SLIGHT_PSI = 0.01
"""Below it nothing matters, however certain: of two labels of equal share, five points more of one are 0.01."""
MODERATE_PSI = 0.1
SIGNIFICANT_PSI = 0.25
"""The usual bands."""

FALSE_ALARMS = 0.001
"""Share of reports that may claim a change where there is none."""

DETECTED = 0.95
"""Share of true changes of `detectable_psi` that are found."""

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
    tests = measures * number_of_splits(len(bins), is_ordered=is_ordered)
    p_value = min(1.0, tests * least_probability(bins, n, m, is_ordered=is_ordered))
    psi, expected = population_stability_index(reference, current), expected_psi(bins, n, m)
    return Comparison(
        status=verdict(p_value, psi - expected, can_judge=could_tell(n, m, tests)),
        psi=psi,
        js_distance=jensen_shannon_distance(reference, current),
        chance_psi=expected * chi_square_95(len(bins) - 1) / max(len(bins) - 1, 1),
        expected_psi=expected,
        detectable_psi=detectable_psi(n, m, tests),
        p_value=p_value,
        certainty=1 - p_value,
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


Bin = tuple[int, int]
"""How many predictions of the reference and of the window it holds."""


def ordered_bins(reference: Counts, current: Counts) -> list[Bin]:
    """The bins that hold anything; those of numbers in their order."""
    keys = sorted(reference.keys() | current.keys())  # type: ignore[type-var] # all of one kind: text or numbers
    bins = ((reference.get(key, 0), current.get(key, 0)) for key in keys)
    return [(before, now) for before, now in bins if before or now]


def number_of_splits(bins: int, *, is_ordered: bool) -> int:
    """How many different splits of so many bins are looked at; 1 where there is none to look at."""
    if bins <= 2:
        return 1
    return 2 * bins - 3 if is_ordered else bins


def splits(bins: Sequence[Bin], *, is_ordered: bool) -> Iterator[Bin]:
    """One side of each split: every bin, and of ordered bins also all up to each edge."""
    yield from bins
    if is_ordered:
        below_before = below_now = 0
        for before, now in bins[:-1]:
            below_before, below_now = below_before + before, below_now + now
            yield below_before, below_now


def least_probability(bins: Sequence[Bin], n: int, m: int, *, is_ordered: bool) -> float:
    """How often chance alone shows as much in the split that is hit hardest, not yet corrected for their number."""
    return min(two_sided(now, m, before + now, n + m) for before, now in splits(bins, is_ordered=is_ordered))


def could_tell(n: int, m: int, tests: int) -> bool:
    """Whether it would have been found for certain if half of all predictions had moved into one bin.

    That is: the bin holds half of the reference, and all of the window.
    """
    return 2 * tests * tail_above(m, m, n // 2 + m, n + m) < FALSE_ALARMS


def detectable_psi(n: int, m: int, tests: int) -> float:
    """The PSI of a change of one share that is found DETECTED of the time, by the normal approximation."""
    normal = NormalDist()
    distance = normal.inv_cdf(1 - FALSE_ALARMS / (2 * tests)) + normal.inv_cdf(DETECTED)
    return distance**2 * (1 / n + 1 / m)


def psi_term(before: int, now: int, n: float, m: float) -> float:
    """What a bin adds to PSI; `n` and `m` include the half counts."""
    p, q = (before + 0.5) / n, (now + 0.5) / m
    return (q - p) * log(q / p)


def population_stability_index(reference: Counts, current: Counts) -> float:
    """The sum over bins of (q - p) ln(q / p)."""
    bins = ordered_bins(reference, current)
    n, m = (sum(counts.values()) + 0.5 * len(bins) for counts in (reference, current))
    return sum(psi_term(before, now, n, m) for before, now in bins)


def expected_psi(bins: Sequence[Bin], n: int, m: int) -> float:
    """What PSI is on average when the window's `m` predictions are drawn at random from all `n + m`."""
    return sum(expected_term(before + now, n, m, len(bins)) for before, now in bins)


def expected_term(held: int, n: int, m: int, bins: int) -> float:
    """The same of one bin, which holds so many of all predictions."""
    if variance(m, held, n + m) > SMALL_VARIANCE:
        return (1 - held / (n + m)) * (1 / n + 1 / m)
    n_half, m_half = n + 0.5 * bins, m + 0.5 * bins
    chances = probabilities(m, held, n + m)
    return sum(chance * psi_term(held - now, now, n_half, m_half) for now, chance in chances.items())


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
