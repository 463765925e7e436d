"""Which labels are the same under other names; pure.

Labels whose names differ in case and separators only are the same. Others are taken for the same only where another
version speaks (`succession`), all labels came and as many went, and their shares tell them apart and are like before:
then nothing but the names has changed. A version that says `fraud` where it said `ok` has renamed nothing. What else
has changed besides the names shows when the distribution of before is told in the names of now (`renamed`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

from analytics_service.rules.certainty import SURE, counts_by_chance, one_sided_by_chance, shares_by_chance
from shared.contracts.drift import DriftReport

Counts = Mapping[str, int]

ALIKE = 0.05
"""Two windows that chance puts so far apart more often than this may be of the same labels."""

SEPARATOR = re.compile(r"(?<!\d)(?<=\w)[\s_\-./:]+(?=\w)|(?<=\d)[\s_\-./:]+(?=[^\W\d])")
"""Between words, or a word and a number; between two numbers a sign may be a point or a range."""

TINY = 1e-300
"""Instead of a probability too small to be a number."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """Old names and the new ones in their place; `by_name`: the names say so, and not the shares alone."""

    pairs: tuple[tuple[str, str], ...]
    by_name: bool
    alike: bool
    """Whether shares are like before, so that the names are all that has changed about these labels."""

    def renamed(self, shares: Mapping[str, float]) -> dict[str, float]:
        """A distribution of before, in the names of now."""
        names = dict(self.pairs)
        told: dict[str, float] = {}
        for label, share in shares.items():
            told[names.get(label, label)] = told.get(names.get(label, label), 0.0) + share
        return told


def label_counts(drift: DriftReport) -> tuple[dict[str, int], dict[str, int]]:
    """How often each label was given in the reference and in the window."""
    measure = next((each for each in drift.measures if each.name == "label"), None)
    if measure is None:
        return {}, {}
    return counts(measure.reference, drift.reference_sample_size), counts(measure.current, drift.sample_size)


def counts(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Shares as counts again."""
    return {label: round(share * total) for label, share in shares.items()}


def exclusive(there: Counts, here: Counts) -> list[str]:
    """The labels that one window has and the other has not, the most frequent first."""
    return [
        label for label, count in sorted(there.items(), key=lambda item: (-item[1], item[0]))
        if count and not here.get(label)
    ]  # fmt: skip


def surely_missing(there: Counts, here: Counts) -> list[str]:
    """The labels of one window that the other would have, if nothing had changed.

    Each by itself; or, where there are many labels with a few predictions each, all that are missing together.
    """
    total, drawn = sum(there.values()), sum(here.values())
    gone = exclusive(there, here)
    if gone and together_by_chance(there, here) <= SURE:
        return gone
    return [label for label in gone if len(there) * one_sided_by_chance(there[label], total, drawn) <= SURE]


def together_by_chance(there: Counts, here: Counts) -> float:
    """How often chance alone keeps so many labels out of one of two windows (Chernoff's bound: never too small)."""
    total, drawn = sum(there.values()), sum(here.values())
    if not total or not drawn:
        return 1.0
    share = total / (total + drawn)
    expected = sum(share ** (there.get(label, 0) + here.get(label, 0)) for label in there.keys() | here.keys())
    expected, seen = max(expected, TINY), len(exclusive(there, here))
    if seen <= expected:
        return 1.0
    return min(1.0, exp(seen - expected - seen * log(seen / expected)))


def renaming(before: Counts, now: Counts, *, another_version: bool) -> Renaming | None:
    """The labels of two windows that are the same under other names; None when none are, for sure.

    `another_version`: whether versions made the predictions of now that have nothing to do with the labels of before.
    """
    if not surely_missing(before, now) or not surely_missing(now, before):
        return None
    went, came = exclusive(before, now), exclusive(now, before)
    if pairs := same_names(went, came):
        return Renaming(pairs, True, alike(pairs, before, now))
    ranked = tuple(zip(went, came, strict=False))
    is_whole = len(went) == len(came) == len(told_in(before)) == len(told_in(now))
    if another_version and is_whole and tell_apart(before) and tell_apart(now) and alike(ranked, before, now):
        return Renaming(ranked, False, True)
    return None


def told_in(counts: Counts) -> list[str]:
    """The labels that a window has."""
    return [label for label, count in counts.items() if count]


def tell_apart(counts: Counts) -> bool:
    """Whether shares say which label is which: two at least, each apart from the next by more than chance explains."""
    ranked = sorted(filter(None, counts.values()), reverse=True)
    return len(ranked) >= 2 and all(counts_by_chance(less, more) <= ALIKE for more, less in pairwise(ranked))


def same_names(went: Sequence[str], came: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of names that differ in case and separators only, where that is unambiguous; all of them, or none."""
    keys = Counter(map(bare, went)), Counter(map(bare, came))
    new = {bare(label): label for label in came}
    pairs = tuple((label, new[bare(label)]) for label in went if bare(label) in new)
    unambiguous = all(bare(old) and keys[0][bare(old)] == keys[1][bare(old)] == 1 for old, _ in pairs)
    return pairs if unambiguous else ()


def bare(label: str) -> str:
    """In lower case, without what separates words. Signs that mean something stay: `-1` is not `1`, nor `C++` `C`."""
    return SEPARATOR.sub("", label.casefold().strip(" \t\r\n_\"'`")) or label


def alike(pairs: Sequence[tuple[str, str]], before: Counts, now: Counts) -> bool:
    """Whether chance explains every difference of shares, over all pairs together."""
    total, total_before = sum(now.values()), sum(before.values())
    return all(shares_by_chance(now[new], total, before[old], total_before) * len(pairs) > ALIKE for old, new in pairs)
