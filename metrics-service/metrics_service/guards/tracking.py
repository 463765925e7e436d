"""From running totals to blocks: each outcome is in one block, and no block is of one version alone; pure.

Blocks end by how much there is of both versions, never by how bad it is. What is left over waits for the next look.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from metrics_service.guards.e_value import NOTHING, Block
from metrics_service.guards.totals import Errors, Pair, Requests, Times, counted, since, slower

LARGEST_WAIT = 10
"""A block waits for so many of the candidate's outcomes at most, at first for fewer: larger ones tell a little more."""

ERRORS_NEEDED = 30
"""So many judged values of the stable version say how far off its values usually are."""

P95_NEEDS = 20
"""A 95th percentile of fewer measurements is the largest one."""


@dataclass(slots=True)
class CountTracker:
    """Blocks of plain outcomes. Mutable: what was handed out, by stratum."""

    taken: dict[int, Block] = field(default_factory=dict)

    def start_at(self, totals: Mapping[int, Block]) -> None:
        """Leaves out what there is already: somebody else has judged it."""
        self.taken = dict(totals)

    def blocks(self, totals: Mapping[int, Block]) -> Iterator[Block]:
        """What has come since, where it is enough."""
        for stratum, total in sorted(totals.items()):
            before = self.taken.get(stratum, Block(NOTHING, NOTHING))
            block = Block(total.candidate - before.candidate, total.stable - before.stable)
            seen = sum(one.candidate.number for one in self.taken.values())
            if block.stable.number and block.candidate.number >= min(LARGEST_WAIT, max(seen, 1)):
                # By sums: what totals lose, as words of feedback may, is not counted twice when it comes back.
                self.taken[stratum] = Block(before.candidate + block.candidate, before.stable + block.stable)
                yield block


@dataclass(slots=True)
class TimeTracker:
    """Blocks of requests that are slow or not. Mutable: the histograms that were handed out, by stratum."""

    taken: dict[int, Pair[Times]] = field(default_factory=dict)

    def start_at(self, totals: Mapping[int, Pair[Times]]) -> None:
        """Leaves out what there is already."""
        self.taken = dict(totals)

    def stable_before(self) -> Times:
        """All times of the stable version in the blocks until now: what may be known ahead of the next."""
        known: dict[int, int] = {}
        for pair in self.taken.values():
            for key, n in pair.stable.items():
                known[key] = known.get(key, 0) + n
        return known

    def blocks(self, totals: Mapping[int, Pair[Times]]) -> Iterator[Pair[Times]]:
        """What has come of both versions since, by stratum."""
        for stratum, total in sorted(totals.items()):
            before: Pair[Times] = self.taken.get(stratum) or Pair({}, {})
            block = Pair(since(total.candidate, before.candidate), since(total.stable, before.stable))
            if block.candidate and block.stable:
                self.taken[stratum] = total
                yield block


@dataclass(slots=True)
class ErrorTracker:
    """Blocks of judged values that are far off or not. Mutable: the limit, once there is one, and what was handed out.

    The limit is the 90th percentile of the stable version's first errors, the same for both versions and until the
    metrics-service starts anew, so that a word that is changed makes up for what it was. What it was learnt from is in
    no block: errors of the stable version alone, so the candidate's of that time count.
    """

    limit: int | None = None
    """The last bin that is not far off; None: too few of the stable version's values were judged."""
    _far_off: CountTracker = field(default_factory=CountTracker)

    def start_at(self, errors: Pair[Errors]) -> None:
        """Leaves out what there is already, and learns from it."""
        self.limit = percentile_bin(errors.stable, 90, ERRORS_NEEDED)
        if self.limit is not None:
            self._far_off.start_at({0: far_off(errors, self.limit)})

    def blocks(self, errors: Pair[Errors]) -> Iterator[Block]:
        """What has come of both versions since the limit is known."""
        if self.limit is None:
            self.start_at(Pair({}, errors.stable))
        else:
            yield from self._far_off.blocks({0: far_off(errors, self.limit)})


def far_off(errors: Pair[Errors], limit: int) -> Block:
    """Each judged value is bad when it is off by more than a bin's largest error."""
    return Block(slower(errors.candidate, limit), slower(errors.stable, limit))


def p95_bin(times: Times) -> int | None:
    """The bin of the 95th percentile; None of too few."""
    return percentile_bin(times, 95, P95_NEEDS)


def percentile_bin(counts: Mapping[int, int], percent: int, needed: int) -> int | None:
    """The bin of a percentile; None of fewer than are needed."""
    number, below = counted(counts), 0
    if number < needed:
        return None
    for key in sorted(counts):
        below += counts[key]
        if below * 100 >= number * percent:
            return key
    return None


def slow_block(block: Pair[Times], candidate_bin: int, stable_bin: int) -> Block:
    """Each request is bad when it lies beyond the bin of its version."""
    return Block(slower(block.candidate, candidate_bin), slower(block.stable, stable_bin))


def request_blocks(requests: Mapping[int, Pair[Requests]]) -> dict[int, Block]:
    """Errors of both versions."""
    return {key: Block(pair.candidate.outcomes, pair.stable.outcomes) for key, pair in requests.items()}


def request_times(requests: Mapping[int, Pair[Requests]]) -> dict[int, Pair[Times]]:
    """Times of both versions."""
    return {key: Pair(pair.candidate.times, pair.stable.times) for key, pair in requests.items()}
