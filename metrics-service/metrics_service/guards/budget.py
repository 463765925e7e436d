"""How the one rollout in a hundred that may be rolled back without a reason is shared among the guards; pure."""

from math import log, sqrt

from shared.contracts.guards import GuardName

FALSE_ROLLBACKS = 0.01
"""Of rollouts of candidates that are no worse, over all guards together and however long they last."""

SHARES = {
    GuardName.ERROR_RATE: 0.6,
    GuardName.P95: 0.2,
    GuardName.CONFIDENCE: 0.05,
    GuardName.ACCURACY: 0.05,
    GuardName.THRESHOLDS: 0.1,
}
"""Errors hurt at once, and must be seen within few requests; the others may take a little longer."""

TESTS = {GuardName.THRESHOLDS: 2}
"""A guard of several tests shares its part among them."""

DOUBT = sqrt(10)
"""From here evidence is "substantial" (Jeffreys, Theory of Probability, 1961, appendix B): then nothing is promoted."""


def needed(guard: GuardName) -> float:
    """The e-value at which a guard rolls back."""
    return TESTS.get(guard, 1) / (FALSE_ROLLBACKS * SHARES[guard])


def log_needed(guard: GuardName) -> float:
    """Its logarithm."""
    return log(needed(guard))
