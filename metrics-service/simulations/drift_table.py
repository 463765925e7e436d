"""How often drift is claimed where nothing has changed, and found where something has: the tables in docs/drift.md.

`python -m simulations.drift_table` prints them, `--into ../docs/drift.md` writes them there (`make drift-table`). Pairs
of windows are drawn at random and compared as a report compares them: three measures, an alarm if any is claimed. What
models with many labels show (`many_labels`) is about labels alone.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from metrics_service.drift.comparison import Comparison, compare
from shared.contracts.drift import DriftStatus
from simulations.many_labels import many_labels

SEED = 20_260_301
BEGIN, END = "<!-- begin: make drift-table -->", "<!-- end -->"
CLAIMED = (DriftStatus.SLIGHT, DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)

SIZES = [(1000, 1), (1000, 5), (20, 20), (50, 50), (1100, 50), (250, 250), (2000, 2000), (100_000, 5000)]
SIZES += [(1_000_000, 1_000_000), (10_000_000, 10_000_000)]
"""Predictions of the reference and of the window."""

LABELS = np.array([0.5, 0.3, 0.2])
CONFIDENCE = np.array([1, 1, 1, 2, 2, 3, 4, 5, 7, 9, 12, 18, 27, 41, 61, 92, 138, 207, 310, 465]) / 1406
LENGTH = np.array([0, 1, 3, 10, 40, 120, 240, 270, 180, 90, 35, 9, 2]) / 1000

Shares = np.ndarray
Change = Callable[[Shares, Shares], tuple[Shares, Shares]]
"""Labels and confidence of the window, from those of the reference."""


def unchanged(labels: Shares, confidence: Shares) -> tuple[Shares, Shares]:
    """Nothing."""
    return labels, confidence


def flipped(labels: Shares, confidence: Shares) -> tuple[Shares, Shares]:
    """Every prediction has the label of three in ten."""
    return np.array([0.0, 1.0, 0.0]), confidence


def moved(labels: Shares, confidence: Shares) -> tuple[Shares, Shares]:
    """The share of a label goes from 50 to 60 of 100."""
    return np.array([0.6, 0.24, 0.16]), confidence


def less_sure(labels: Shares, confidence: Shares) -> tuple[Shares, Shares]:
    """Every confidence is 0.10 lower."""
    return labels, np.concatenate([confidence[2:], [0, 0]]) + np.array([confidence[:2].sum()] + [0] * 19)


def collapsed(labels: Shares, confidence: Shares) -> tuple[Shares, Shares]:
    """Every confidence lies between 0.60 and 0.65."""
    return labels, np.eye(20)[12]


def drawn(generator: np.random.Generator, size: int, shares: Shares) -> dict[int, int]:
    """A sample as counts per bin."""
    return {key: int(n) for key, n in enumerate(generator.multinomial(size, shares / shares.sum())) if n}


def report(generator: np.random.Generator, before: int, now: int, change: Change) -> list[Comparison]:
    """What a report of two random windows says."""
    labels, confidence = change(LABELS, CONFIDENCE)
    pairs = [(LABELS, labels, False), (CONFIDENCE, confidence, True), (LENGTH, LENGTH, True)]
    return [
        compare(drawn(generator, before, one), drawn(generator, now, other), is_ordered=is_ordered, measures=len(pairs))
        for one, other, is_ordered in pairs
    ]


def share_claimed(generator: np.random.Generator, before: int, now: int, change: Change, reports: int) -> float:
    """How many of so many reports claim a change in any measure."""
    return sum(any(found.status in CLAIMED for found in report(generator, before, now, change)) for _ in range(reports))


def without_change(reports: int) -> Iterator[str]:
    """The table of false alarms, with what PSI shows by chance."""
    alarm_column = f"false alarms in {reports:,} reports"
    yield f"| reference | window | {alarm_column} | PSI of labels by chance | said to be expected |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    generator = np.random.default_rng(SEED)
    for before, now in SIZES:
        alarms, shown, expected = 0, 0.0, 0.0
        for _ in range(reports):
            found = report(generator, before, now, unchanged)
            alarms += any(comparison.status in CLAIMED for comparison in found)
            shown, expected = shown + (found[0].psi or 0), expected + (found[0].expected_psi or 0)
        yield f"| {before:,} | {now:,} | {alarms} | {shown / reports:.2g} | {expected / reports:.2g} |"


def with_change(reports: int) -> Iterator[str]:
    """The table of what is found."""
    changes = {
        "all predictions of one label, which had 30 of 100": flipped,
        "a label goes from 50 to 60 of 100": moved,
        "every confidence is 0.10 lower": less_sure,
        "every confidence is between 0.60 and 0.65": collapsed,
    }
    yield f"| reference | window | {' | '.join(changes)} |"
    yield f"| ---: | ---: |{' ---: |' * len(changes)}"
    generator = np.random.default_rng(SEED)
    for before, now in SIZES:
        found = [share_claimed(generator, before, now, change, reports) / reports for change in changes.values()]
        yield f"| {before:,} | {now:,} | {' | '.join(f'{100 * share:.4g} %' for share in found)} |"


def main() -> None:
    """Prints the tables, or writes them between the marks of a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=20_000, help="pairs of windows without a change, per size")
    parser.add_argument("--changed", type=int, default=1000, help="pairs of windows with each change, per size")
    parser.add_argument("--into", type=Path, help="document whose tables are replaced")
    parser.add_argument("--labels", type=int, default=5000, help="pairs without a change, per number of labels")
    chosen = parser.parse_args()
    of_labels = many_labels(np.random.default_rng(SEED), chosen.labels, chosen.changed // 5)
    tables = "\n".join([*without_change(chosen.reports), "", *with_change(chosen.changed), "", *of_labels])
    if chosen.into is None:
        sys.stdout.write(tables + "\n")
        return
    document = chosen.into.read_text()
    head, rest = document.split(BEGIN)
    chosen.into.write_text(f"{head}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
