"""What both versions of a canary have done so far: running totals, as they are read at each look; pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from metrics_service.guards.e_value import NOTHING, Block, Outcomes

Times = Mapping[int, int]
"""Requests per logarithmic bin of milliseconds, as `windows/histogram` has them."""


Errors = Mapping[int, int]
"""Judged values per logarithmic bin of how far they were off, as `metrics.value_bin` has them."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of the requests that the policy sent to a version."""

    number: int = 0
    errors: int = 0
    times: Times = field(default_factory=dict)

    @property
    def outcomes(self) -> Outcomes:
        """Each is an error or none."""
        return Outcomes(self.number, self.errors)

    def __add__(self, more: "Requests") -> "Requests":
        times = Counter(self.times) + Counter(more.times)
        return Requests(self.number + more.number, self.errors + more.errors, times)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is on record of a version since the rollout began: inference times, and confidence where there is one."""

    times: Times = field(default_factory=dict)
    sure: Outcomes = NOTHING
    """Each as bad as its confidence is below 1."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """Something of both versions."""

    candidate: T
    stable: T


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that guards look at. `requests`: by the policy's revision, within which the share is the same."""

    requests: Mapping[int, Pair[Requests]]
    recorded: Pair[Recorded]
    judged: Pair[Outcomes]
    """What people said of predictions: wrong is bad."""
    errors: Pair[Errors] = field(default_factory=lambda: Pair({}, {}))
    """Of values what those with the admin token said: anyone can claim an error of any size."""

    @property
    def all_requests(self) -> Pair[Requests]:
        """Over all revisions."""
        return Pair(
            sum((pair.candidate for pair in self.requests.values()), Requests()),
            sum((pair.stable for pair in self.requests.values()), Requests()),
        )


def counted(times: Times) -> int:
    """How many there are."""
    return sum(times.values())


def since(times: Times, before: Times) -> Times:
    """What has come to a histogram."""
    return {key: n - before.get(key, 0) for key, n in times.items() if n > before.get(key, 0)}


def slower(times: Times, last_bin: int) -> Outcomes:
    """Each is bad when it lies beyond a bin."""
    return Outcomes(counted(times), sum(n for key, n in times.items() if key > last_bin))


def as_ones(block: Block) -> Block:
    """A block of outcomes that may hang together within each version: what a stall does, and one caller's batch."""
    return Block(block.candidate.as_one(), block.stable.as_one())
