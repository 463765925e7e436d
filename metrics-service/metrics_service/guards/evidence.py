"""What all blocks until now say together against a candidate: a bet on several alternatives; pure.

How much worse a bad candidate is nobody knows ahead, so the bet is spread over some alternatives. A weighted mean of
test martingales is one: the mixture sequential probability ratio test of Robbins, "Statistical methods related to the
law of the iterated logarithm", Annals of Mathematical Statistics 41, 1970. How bad the stable version is, is learnt
from the blocks before: an alternative must not know the block that it is held against.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from metrics_service.guards.e_value import NOTHING, Alternative, Block, Outcomes, log_e_value, log_e_value_of_limit

ODDS = (1.5, 3.0, 10.0, 40.0)
"""By what a bad candidate's odds exceed the best that is tolerated: half as many again up to what is plain at once."""

WEIGHTS = (0.1, 0.25, 0.5, 0.15)
"""What is bet on each: most on tenfold, which must be seen within few requests."""

LEAST, MOST = 1e-6, 1 - 1e-6
"""Shares that are bet on lie between these: what was never seen may still happen."""

PRIOR_NUMBER = 20.0
"""For so many outcomes counts what a share is believed to be before there are any."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The bets' logarithms, one for each of ODDS, and the stable version's outcomes that they have learnt from."""

    bets: tuple[float, ...] = tuple(map(log, WEIGHTS))
    learnt: Outcomes = NOTHING

    @property
    def log_e(self) -> float:
        """The logarithm of the e-value of all blocks."""
        return log_sum_exp(self.bets)

    def after(self, block: Block, weighed: Block, believed: float, tolerance: float) -> "Evidence":
        """The evidence with one more block, of which no more counts than is `weighed`.

        `believed`: the share that is expected of the stable version at first.
        """
        known = (self.learnt.bad + PRIOR_NUMBER * believed) / (self.learnt.number + PRIOR_NUMBER)
        stable = between(known, 1 - tolerance - 2 * LEAST)
        bets = tuple(
            bet + log_e_value(weighed, Alternative(worse(stable + tolerance, odds), stable), tolerance)
            for bet, odds in zip(self.bets, ODDS, strict=True)
        )
        return Evidence(bets, self.learnt + block.stable)

    def after_limit(self, candidate: Outcomes, limit: float) -> "Evidence":
        """The same against the claim that the candidate's share is at most `limit`, from 0 to 1."""
        limit = between(limit)
        bets = tuple(
            bet + log_e_value_of_limit(candidate, worse(limit, odds), limit)
            for bet, odds in zip(self.bets, ODDS, strict=True)
        )
        return Evidence(bets, self.learnt)

    def as_json(self) -> dict[str, object]:
        """As it is kept."""
        return {"bets": list(self.bets), "number": self.learnt.number, "bad": self.learnt.bad}

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Evidence":
        """As it was kept."""
        return cls(tuple(kept["bets"]), Outcomes(kept["number"], kept["bad"]))


def between(share: float, most: float = MOST) -> float:
    """A share that can be bet on."""
    return min(max(share, LEAST), most)


def worse(share: float, times: float) -> float:
    """The share whose odds are so many times those of this one."""
    odds = times * share / (1 - share)
    return between(odds / (1 + odds))


def log_sum_exp(logs: Sequence[float]) -> float:
    """The logarithm of the sum, of logarithms."""
    largest = max(logs)
    return largest + log(sum(exp(one - largest) for one in logs))
