"""Ranges of values to compare two samples by; pure.

Logarithmic bins are too many for that. They are put together into ranges that hold about as many predictions each, of
both samples together: that is fixed before chance deals the predictions out, so what is said of its probabilities stays
exact.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from metrics_service.windows.histogram import GAMMA, upper_bound

RANGES = 10
"""As many as usual for PSI."""


def last_bins(reference: Mapping[int, int], current: Mapping[int, int]) -> list[int]:
    """The last bin of each range."""
    pooled = Counter(reference)
    pooled.update(current)
    ends: list[int] = []
    total, below = pooled.total(), 0
    for value_bin in sorted(pooled):
        below += pooled[value_bin]
        if below * RANGES >= total * (len(ends) + 1):
            ends.append(value_bin)
    return ends


def by_range(counts: Mapping[int, int], ends: list[int]) -> dict[int, int]:
    """Predictions per range, by the range's number."""
    found: Counter[int] = Counter()
    for value_bin, n in counts.items():
        found[next(number for number, end in enumerate(ends) if value_bin <= end)] += n
    return dict(found)


def range_names(ends: list[int]) -> list[str]:
    """`up to 98.2`, `98.2 to 104`, `above 104`."""
    words = [f"{upper_edge(end):.4g}" for end in ends[:-1]]
    if not words:
        return ["all"]
    return [f"up to {words[0]}", *(f"{low} to {high}" for low, high in pairwise(words)), f"above {words[-1]}"]


def upper_edge(value_bin: int) -> float:
    """The largest value of a bin."""
    if value_bin == 0:
        return 0.0
    return upper_bound(value_bin) if value_bin > 0 else -upper_bound(value_bin) / GAMMA
