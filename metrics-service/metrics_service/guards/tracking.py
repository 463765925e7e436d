"""From running totals to blocks: each outcome is in one block, and no block is of one version alone; pure.

Blocks end by how much there is of both versions, never by how bad it is. What is left over waits for the next look.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from metrics_service.guards.e_value import NOTHING, Block
from metrics_service.guards.totals import Pair, Requests, Times, counted, since, slower

LARGEST_WAIT = 10
"""A block waits for so many of the candidate's outcomes at most, at first for fewer: larger ones tell a little more."""

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


def p95_bin(times: Times) -> int | None:
    """The bin of the 95th percentile; None of too few."""
    number, below = counted(times), 0
    if number < P95_NEEDS:
        return None
    for key in sorted(times):
        below += times[key]
        if below * 100 >= number * 95:
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
