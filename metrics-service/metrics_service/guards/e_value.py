"""What a block of outcomes says against a candidate that is no worse than the stable version; pure.

An e-value is a number that is at most 1 on average when the claim holds (Vovk and Wang, "E-values: calibration,
combination and applications", Annals of Statistics 49, 2021). Multiplied block after block they are a test martingale:
when the claim holds it ever reaches 1 / chance with at most that chance, at whatever time one looks and however often
(Ville's inequality). So a guard may look every second, for ever.

The claim: share(candidate) <= share(stable) + tolerance, of whatever is bad (errors, slow requests, wrong predictions).
The e-value is that of Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping" (Journal of Statistical Planning and Inference 230, 2024): the likelihood under an alternative,
fixed before the block, divided by that under the shares within the claim that explain the alternative best. Why it is
one: let the block have n and m outcomes, the alternative say p and q, and those shares be p0 = q0 + tolerance and q0.
Under true shares p0 + t and q0 + t an outcome's factor is on average 1 + t * (p - p0) / (p0 * (1 - p0)), and alike for
the stable version. q0 makes n times the first slope and m times the second add up to 0, so the weighted arithmetic
mean of both factors is 1, and their geometric mean is at most that. A smaller share of the candidate or a larger one of
the stable version makes it only less.

The shares may change from block to block: a bad hour of both versions proves nothing, and is none of the assumptions.
Outcomes may be any numbers from 0 to 1, for which a ** y * b ** (1 - y) <= a * y + b * (1 - y).
"""

from dataclasses import dataclass
from math import log, log1p

HALVINGS = 45
"""Steps of a search that halves what is left: to the twelfth digit, which no e-value shows."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """So many outcomes, and how bad they were together; each from 0 to 1."""

    number: float = 0.0
    bad: float = 0.0

    def __add__(self, more: "Outcomes") -> "Outcomes":
        return Outcomes(self.number + more.number, self.bad + more.bad)

    def __sub__(self, less: "Outcomes") -> "Outcomes":
        """What has come since; never less than nothing."""
        number = max(self.number - less.number, 0.0)
        return Outcomes(number, min(max(self.bad - less.bad, 0.0), number))

    @property
    def share(self) -> float:
        """How bad they were on average; 0 of none."""
        return self.bad / self.number if self.number else 0.0

    def as_one(self) -> "Outcomes":
        """What outcomes count that hang together, such as those of one stall: one, as bad as they were on average.

        Its factor is the geometric mean of theirs, which on average is at most the arithmetic one, however they hang
        together.
        """
        return Outcomes(1.0, self.share) if self.number else self


NOTHING = Outcomes()


@dataclass(frozen=True, slots=True)
class Block:
    """What has come of both versions in the same time."""

    candidate: Outcomes
    stable: Outcomes


@dataclass(frozen=True, slots=True)
class Alternative:
    """The shares of what is bad that a block is held against; chosen before it."""

    candidate: float
    stable: float


def log_e_value(block: Block, alternative: Alternative, tolerance: float) -> float:
    """The logarithm of the e-value of a block against the claim."""
    if alternative.candidate <= alternative.stable + tolerance:
        return 0.0
    stable = best_claimed(block.candidate.number, block.stable.number, alternative, tolerance)
    of_candidate = log_ratio(block.candidate, alternative.candidate, stable + tolerance)
    return of_candidate + log_ratio(block.stable, alternative.stable, stable)


def log_e_value_of_limit(candidate: Outcomes, share: float, limit: float) -> float:
    """The same against the claim that the candidate's share is at most `limit`, whatever the stable version does."""
    return log_ratio(candidate, share, limit) if share > limit else 0.0


def log_ratio(outcomes: Outcomes, alternative: float, claimed: float) -> float:
    """The logarithm of how much better an alternative share explains outcomes than the claimed one."""
    good = outcomes.number - outcomes.bad
    explained = outcomes.bad * log(alternative / claimed) if outcomes.bad else 0.0
    return explained + (good * (log1p(-alternative) - log1p(-claimed)) if good else 0.0)


def best_claimed(n: float, m: float, alternative: Alternative, tolerance: float) -> float:
    """The stable version's share at which the claim, at its edge, explains the alternative best."""
    if tolerance == 0.0:
        return (n * alternative.candidate + m * alternative.stable) / (n + m) if n + m else alternative.stable
    low, high = alternative.stable, alternative.candidate - tolerance
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        edge = middle + tolerance
        pull = n * (alternative.candidate - edge) / (edge * (1 - edge))
        pull += m * (alternative.stable - middle) / (middle * (1 - middle))
        low, high = (middle, high) if pull > 0 else (low, middle)
    return (low + high) / 2
