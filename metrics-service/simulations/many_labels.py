"""The tables about models with many labels: false alarms, and what is found when labels come, go or trade places."""

from collections.abc import Callable, Iterator

import numpy as np

from metrics_service.drift.comparison import Comparison, compare
from shared.contracts.drift import DriftStatus

LABELS = (2, 10, 20, 100, 300)
SIZES = ((1000, 5), (50, 50), (1000, 50), (200, 200), (2000, 2000), (100_000, 5000))
"""Predictions of the reference and of the window."""

MEASURES = 3
CLAIMED = (DriftStatus.SLIGHT, DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)

Shares = np.ndarray
Change = Callable[[np.random.Generator, Shares], Shares]
"""Shares of the window, from those of the reference; behind these is room for as many new labels."""


def equal(labels: int) -> Shares:
    """Every label has the same share."""
    return np.full(labels, 1 / labels)


def falling(labels: int) -> Shares:
    """The second label has half of what the first one has, the third a third, and so on (Zipf)."""
    shares = 1 / np.arange(1, labels + 1)
    return np.asarray(shares / shares.sum())


def unchanged(_: np.random.Generator, shares: Shares) -> Shares:
    """Nothing."""
    return np.concatenate([shares, np.zeros_like(shares)])


def replaced(_: np.random.Generator, shares: Shares) -> Shares:
    """Every label has a new name."""
    return np.concatenate([np.zeros_like(shares), shares])


def half_replaced(_: np.random.Generator, shares: Shares) -> Shares:
    """Every other label has a new name."""
    is_new = np.arange(shares.size) % 2 == 1
    return np.concatenate([np.where(is_new, 0, shares), np.where(is_new, shares, 0)])


def shuffled(generator: np.random.Generator, shares: Shares) -> Shares:
    """The labels have traded their shares."""
    return unchanged(generator, generator.permutation(shares))


def comparison(generator: np.random.Generator, size: tuple[int, int], shares: Shares, change: Change) -> Comparison:
    """What is said about the labels of two random windows."""
    before, now = unchanged(generator, shares), change(generator, shares)
    drawn = [generator.multinomial(n, of / of.sum()) for n, of in zip(size, (before, now), strict=True)]
    reference, current = ({key: int(n) for key, n in enumerate(counts) if n} for counts in drawn)
    return compare(reference, current, measures=MEASURES)


def claimed(generator: np.random.Generator, size: tuple[int, int], shares: Shares, change: Change, times: int) -> float:
    """In how many of so many pairs a change of the labels is claimed."""
    found = (comparison(generator, size, shares, change) for _ in range(times))
    return sum(one.status in CLAIMED for one in found)


def many_labels(generator: np.random.Generator, reports: int, changed: int) -> Iterator[str]:
    """One row per number of labels and size of the windows."""
    yield (
        f"| labels | reference | window | false alarms in {reports:,}, equal shares | falling shares "
        "| all replaced, equal | falling | half replaced, equal | falling | shares shuffled, falling |"
    )
    yield f"|{' ---: |' * 10}"
    for labels in LABELS:
        shapes = (equal(labels), falling(labels))
        for size in SIZES:
            alarms = [f"{claimed(generator, size, shares, unchanged, reports):.0f}" for shares in shapes]
            found = [
                f"{100 * claimed(generator, size, shares, change, changed) / changed:.4g} %"
                for change, shares in (
                    *((replaced, shares) for shares in shapes),
                    *((half_replaced, shares) for shares in shapes),
                    (shuffled, shapes[1]),
                )
            ]
            yield f"| {labels} | {size[0]:,} | {size[1]:,} | {' | '.join([*alarms, *found])} |"
