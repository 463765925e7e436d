"""`python -m benchmarks.compare one/report.json other/report.json`: the bars of two runs side by side.

Ratios must agree; times and sizes stand there too, but hang on what else the machine did. What only one run has is
named.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.markdown import lines, number
from benchmarks.harness.report import Bar, Report, load

AGREEMENT, PAIRED_AGREEMENT = 0.15, 0.07
"""By so much of the smaller may the larger of two ratios exceed it; the second for paired ones."""


def pairs(one: Report, other: Report) -> list[tuple[Bar, Bar]]:
    """What both have measured."""
    again = {bar.what: bar for bar in other.bars}
    return [(bar, again[bar.what]) for bar in one.bars if bar.what in again]


def alone(one: Report, other: Report) -> list[str]:
    """What only one of them has measured."""
    return sorted({bar.what for bar in one.bars} ^ {bar.what for bar in other.bars})


def difference(one: Bar, other: Bar) -> float:
    """By how much of the smaller the larger exceeds it."""
    low, high = sorted((one.measured, other.measured))
    if low == high:
        return 0.0
    return high / low - 1 if low else float("inf")


def agrees(one: Bar, other: Bar) -> bool:
    """Only ratios have to."""
    return not one.is_ratio or difference(one, other) <= (PAIRED_AGREEMENT if one.paired else AGREEMENT)


def table(found: Sequence[tuple[Bar, Bar]]) -> str:
    """Every bar of both."""
    head = ["of", "figure", "one run", "the other", "difference", ""]
    return lines(head, [row(*pair) for pair in found])


def row(one: Bar, other: Bar) -> list[str]:
    """One of them."""
    verdict = ("agree" if agrees(one, other) else "**differ**") if one.is_ratio else ""
    measured = (f"{number(bar.measured)} {bar.unit}".strip() for bar in (one, other))
    return [one.part, one.what, *measured, f"{difference(one, other):.0%}", verdict]


def main() -> int:
    """Exit code 1 when a ratio differs, or when nothing can be compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs=2, type=Path, metavar="report.json")
    one, other = (load(file) for file in parser.parse_args().reports)
    found = pairs(one, other)
    ratios = [pair for pair in found if pair[0].is_ratio]
    agreeing = sum(agrees(*pair) for pair in ratios)
    print(table(found))
    for what in (lonely := alone(one, other)):
        print(f"only in one run: {what}")
    said = f"{AGREEMENT:.0%}, those of processor time within {PAIRED_AGREEMENT:.0%}"
    print(f"\n{agreeing} of {len(ratios)} ratios agree within {said}; {len(lonely)} figures are in one run only.")
    print(f"The runs took {one.seconds / 60:.0f} and {other.seconds / 60:.0f} minutes.")
    return 0 if found and agreeing == len(ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
