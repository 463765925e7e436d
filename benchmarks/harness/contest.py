"""Processor time of a request, beside others' in the same seconds: the main figure of every question about throughput.

Rates on a shared machine say as much about the neighbours as about the program, and processor time is what a team pays
for. All contestants run all the time. The one that is looked at takes a short turn beside each turn of each other, as
the first or the second by turns, and what counts is the median of the ratios of such pairs. A pair between whose turns
the cores changed their speed is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from time import perf_counter, sleep

from benchmarks.harness.calibration import Readings, cores
from benchmarks.harness.turns import Paired, Sample

STEADY = 1.15
"""Around one turn of a pair the cores' fixed work may take less than so many times as long as around the other."""

MOST_TIMES = 2
"""So many times as many pairs as are wanted are tried until so many were steady."""

REST_SECONDS = 0.3
"""After a turn: servers go on with what its connections have left waiting, which shall not fall into the next turn."""

LEAST = 3
"""With fewer steady pairs all count, and the note says so."""

Spent = Mapping[str, float]
"""Seconds of processor time, user and system, by role."""


@dataclass(frozen=True)
class Contestant:
    """Somebody who does the work, and who knows what it has cost."""

    work: Callable[[float], int]
    """Works for about so many seconds; the number of requests. Raises RuntimeError when one fails."""
    spent: Callable[[], Spent]
    """Until now, of all processes that have a part in it."""


@dataclass(frozen=True)
class Turn:
    """What one of them showed."""

    microseconds: Mapping[str, float]
    """Processor time of a request, by role."""
    rate: float
    """Requests a second."""
    around: tuple[Readings, Readings]
    """What the cores' fixed work took before it and after it."""

    @property
    def reading(self) -> float:
        """What the fixed work took around it, on average."""
        return fmean(reading for around in self.around for reading in around)

    @property
    def total(self) -> float:
        """Microseconds of processor time of a request, of all roles."""
        return sum(self.microseconds.values())


@dataclass
class Duel:
    """The turns of the one and of another."""

    pairs: list[tuple[Turn, Turn]] = field(default_factory=list)

    @property
    def steady(self) -> list[tuple[Turn, Turn]]:
        """Pairs between whose turns the cores did not change their speed."""
        return [pair for pair in self.pairs if is_steady(*pair)]

    @property
    def counted(self) -> list[tuple[Turn, Turn]]:
        """The steady ones, unless they are too few."""
        steady = self.steady
        return steady if len(steady) >= LEAST else self.pairs

    def ratio(self, role: str | None = None) -> Paired:
        """Processor time of the one, or of its part that has this role, to that of the other."""
        return Paired(
            [(one.microseconds.get(role, 0) if role else one.total) / other.total for one, other in self.counted]
        )

    def own(self, role: str | None = None) -> Sample:
        """Microseconds of the one, or of a part of it, for a request."""
        return Sample([one.microseconds.get(role, 0) if role else one.total for one, _ in self.counted])

    @property
    def others(self) -> Sample:
        """Microseconds of the other for a request."""
        return Sample([other.total for _, other in self.counted])

    @property
    def rates(self) -> tuple[Sample, Sample]:
        """Requests a second of the one and of the other."""
        return Sample([one.rate for one, _ in self.counted]), Sample([other.rate for _, other in self.counted])

    @property
    def roles(self) -> list[str]:
        """The parts of the one."""
        return sorted({role for one, _ in self.pairs for role in one.microseconds})

    @property
    def said(self) -> str:
        """How many pairs counted."""
        steady = len(self.steady)
        return f"{steady} of {len(self.pairs)}" if steady >= LEAST else f"all {len(self.pairs)}: {steady} were steady"


def is_steady(one: Turn, other: Turn) -> bool:
    """Whether the cores had the same speed around both: the mean of all cores, before and after.

    Of each core alone it would be too much to ask: on some machines no pair is left, for cores there change their speed
    several times a second.
    """
    fast, slow = sorted((one.reading, other.reading))
    return slow < STEADY * fast


def contest(
    one: Contestant, others: Mapping[str, Contestant], pairs: int, seconds: float, skipped: dict[str, str] | None = None
) -> dict[str, Duel]:
    """The one beside each of the others, until each has so many steady pairs or twice as many in all.

    With `skipped` another one whose work fails is named there with the reason, and left out.
    Raises RuntimeError when the one's work fails, or another's and there is no `skipped`.
    """
    duels = {name: Duel() for name in others}
    for number in range(pairs * MOST_TIMES):
        for name, duel in list(duels.items()):
            if len(duel.steady) >= pairs:
                continue
            own = turn(one, seconds) if number % 2 == 0 else None
            try:
                theirs = turn(others[name], seconds)
            except RuntimeError as error:
                if skipped is None:
                    raise
                skipped[name] = str(error)
                del duels[name]
                continue
            duel.pairs.append((own or turn(one, seconds), theirs))
    return duels


def turn(contestant: Contestant, seconds: float) -> Turn:
    """One of them works for so many seconds."""
    before, around = contestant.spent(), cores()
    began = perf_counter()
    requests = contestant.work(seconds)
    took, after = perf_counter() - began, contestant.spent()
    sleep(REST_SECONDS)
    if requests == 0:
        raise RuntimeError("nothing was answered")
    microseconds = {role: (spent - before.get(role, 0)) * 1e6 / requests for role, spent in after.items()}
    return Turn(microseconds, requests / took, (around, cores()))
