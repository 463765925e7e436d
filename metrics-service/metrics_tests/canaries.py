"""Canaries as simulations have them: requests that come to two versions, seen by guards at every look."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, exp, log

from metrics_service.guards.e_value import NOTHING, Outcomes
from metrics_service.guards.judge import Judge
from metrics_service.guards.totals import Pair, Recorded, Requests, Totals
from metrics_service.guards.words import condemning
from metrics_service.windows.histogram import SIGNED_BIN_ONE
from shared.contracts.guards import GuardName, Guards
from shared.contracts.thresholds import Thresholds

Chance = random.Random

THRESHOLDS = Thresholds()


def bin_of(time_ms: float) -> int:
    """As `metrics.time_bin`."""
    return ceil(log(time_ms) / log(1.02))


@dataclass
class Version:
    """How a version is: what it does with a request at a look."""

    errors: Callable[[int], float] = lambda look: 0.01
    time_ms: Callable[[Chance, int], float] = lambda chance, look: exp(chance.gauss(2.5, 0.6))
    confidence: Callable[[Chance], float] = lambda chance: chance.betavariate(8, 2)
    wrong: float = 0.1
    judged: float = 0.2
    error: Callable[[Chance], float] | None = None
    """Of a regression: how far a judged value is off; None: labels are judged."""


@dataclass
class Done:
    """Running totals of one version."""

    number: int = 0
    errors: int = 0
    times: Counter[int] = field(default_factory=Counter)
    sure: Outcomes = NOTHING
    judged: Outcomes = NOTHING
    value_errors: Counter[int] = field(default_factory=Counter)

    def take(self, version: Version, chance: Chance, look: int) -> None:
        """One request more."""
        self.number += 1
        if chance.random() < version.errors(look):
            self.errors += 1
            return
        self.times[bin_of(version.time_ms(chance, look))] += 1
        self.sure += Outcomes(1, 1 - version.confidence(chance))
        if chance.random() >= version.judged:
            return
        if version.error is not None:
            self.value_errors[SIGNED_BIN_ONE + bin_of(version.error(chance))] += 1
        else:
            self.judged += Outcomes(1, float(chance.random() < version.wrong))

    @property
    def requests(self) -> Requests:
        return Requests(self.number, self.errors, dict(self.times))

    @property
    def recorded(self) -> Recorded:
        return Recorded(dict(self.times), self.sure)


@dataclass
class Canary:
    """Two versions, of which the candidate gets a share of the requests."""

    candidate: Version
    stable: Version
    share: float
    chance: Chance
    per_look: int = 50
    guards: Guards = field(default_factory=Guards)

    def run(self, most_requests: int, most_looks: int = 10**9) -> tuple[GuardName | None, int]:
        """Which guard rolled it back, after how many of the candidate's requests; None: none."""
        judge, done = Judge(self.guards), Pair(Done(), Done())
        look = 0
        while done.candidate.number < most_requests and look < most_looks:
            look += 1
            for _ in range(self.per_look):
                if self.chance.random() < self.share:
                    done.candidate.take(self.candidate, self.chance, look)
                    if done.candidate.number == most_requests:
                        break
                else:
                    done.stable.take(self.stable, self.chance, look)
            judge.look(totals_of(done), THRESHOLDS)
            if found := condemning(judge):
                return found, done.candidate.number
        return None, done.candidate.number


def totals_of(done: Pair[Done]) -> Totals:
    return Totals(
        {1: Pair(done.candidate.requests, done.stable.requests)},
        Pair(done.candidate.recorded, done.stable.recorded),
        Pair(done.candidate.judged, done.stable.judged),
        Pair(dict(done.candidate.value_errors), dict(done.stable.value_errors)),
    )
