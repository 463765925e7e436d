"""Targets take turns, so that a machine that slows down meanwhile slows all; what counts is the middle of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Literal, TypeVar

CONFIDENCE = 0.95

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """One figure, measured several times."""

    values: Sequence[float]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("nothing was measured")

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    def over(self, other: "Sample") -> "Sample":
        """The ratio of each turn to the other's in the same turn."""
        return Sample([mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)])

    def minus(self, other: "Sample") -> "Sample":
        """The difference of each turn to the other's in the same turn."""
        return Sample([mine - theirs for mine, theirs in zip(self.values, other.values, strict=True)])


@dataclass(frozen=True)
class Paired(Sample):
    """Ratios of pairs that were measured beside each other: what spreads is not the turns but their median."""

    paired: Literal[True] = True
    """Of what kind it is, where it is kept as data."""

    @property
    def low(self) -> float:
        """The lower end of the interval of 95 % for the median."""
        return sorted(self.values)[self._outside]

    @property
    def high(self) -> float:
        """The upper end."""
        return sorted(self.values)[-1 - self._outside]

    @property
    def _outside(self) -> int:
        """So many values lie on each side of the interval.

        It goes from one order statistic to another and has the median in 95 % of all cases, whatever the distribution
        (the sign test turned round). 0 where there are fewer than nine values.
        """
        count = len(self.values)
        tail, rank = 0.0, 0
        while (tail := tail + comb(count, rank) / 2**count) <= (1 - CONFIDENCE) / 2:
            rank += 1
        return max(0, rank - 1)


def in_turns(names: Iterable[K], turns: int) -> Iterator[K]:
    """Each name once a turn, every second turn in reverse order: who comes first has no advantage."""
    order = list(names)
    for turn in range(turns):
        yield from order if turn % 2 == 0 else reversed(order)


def alternate(targets: Mapping[K, Callable[[], T]], turns: int) -> dict[K, list[T]]:
    """What each of them gives, turn by turn."""
    found: dict[K, list[T]] = {name: [] for name in targets}
    for name in in_turns(targets, turns):
        found[name].append(targets[name]())
    return found


def samples(targets: Mapping[str, Callable[[], float]], turns: int) -> dict[str, Sample]:
    """The same for a single figure each."""
    return {name: Sample(values) for name, values in alternate(targets, turns).items()}
