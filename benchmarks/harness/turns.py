"""Targets take turns, so that a machine that slows down meanwhile slows all; what counts is the middle of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

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
