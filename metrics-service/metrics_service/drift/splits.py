"""The ways in which bins are split in two, each of which is held against what chance alone does; pure.

One bin against the rest; of ordered bins also those below an edge against those above; of labels, which have no order,
also the rare ones against the others, as many new labels that are rare each are a change that none of them shows alone.
How rare is counted in both samples together: that is fixed before chance deals the predictions out.
"""

from collections.abc import Iterator, Sequence

from metrics_service.drift.chance import two_sided

Bin = tuple[int, int]
"""How many predictions of the reference and of the window it holds."""


def splits(bins: Sequence[Bin], *, is_ordered: bool) -> list[Bin]:
    """One side of each split that says something else than the others; of fewer than two bins the only one."""
    if len(bins) <= 2:
        return list(bins[:1])
    return [*bins, *(below_edges(bins) if is_ordered else rare_ones(bins))]


def below_edges(bins: Sequence[Bin]) -> Iterator[Bin]:
    """All below each edge, at least two bins of which leave at least two others."""
    before, now = bins[0]
    for more_before, more_now in bins[1:-2]:
        before, now = before + more_before, now + more_now
        yield before, now


def rare_ones(bins: Sequence[Bin]) -> Iterator[Bin]:
    """All that hold up to 1, 2, 4, 8… predictions in both samples, at least two of which leave at least two others."""
    limit, last = 1, 1
    while (rare := [one for one in bins if sum(one) <= limit]) != bins and len(rare) < len(bins) - 1:
        if len(rare) > last:
            yield sum(before for before, _ in rare), sum(now for _, now in rare)
        limit, last = 2 * limit, max(len(rare), last)


def least_probability(sides: Sequence[Bin], n: int, m: int) -> float:
    """How often chance alone shows as much in the split that is hit hardest, not yet corrected for their number."""
    return min(two_sided(now, m, before + now, n + m) for before, now in sides)
