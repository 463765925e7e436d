"""Whether a candidate has proved itself, where the policy lets it be promoted by itself; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from metrics_service.guards.totals import Pair
from shared.contracts.guards import GuardReading, Guards
from shared.contracts.rollouts import Rollout

LEAST_COMPARED = 30
"""Requests of the stable version: beside fewer a candidate that fails all of its own raises no doubt yet."""


def promotion(rollout: Rollout, readings: Sequence[GuardReading], requests: Pair[int], now: datetime) -> str | None:
    """Why it is promoted; None: it is not. `requests`: those of both versions in the revision that is in force."""
    if not rollout.promote_by_itself or not is_at_its_end(rollout, now):
        return None
    least = (rollout.guards or Guards()).least_requests
    doubted = any(reading.in_doubt for reading in readings)
    if requests.candidate < least or requests.stable < LEAST_COMPARED or doubted:
        return None
    figures = "; ".join(told(reading) for reading in readings if reading.candidate is not None)
    return f"{requests.candidate} requests at {rollout.share:g} % and no guard in doubt: {figures}"


def is_at_its_end(rollout: Rollout, now: datetime) -> bool:
    """Whether there is no step to come, and the last one has lasted as long as it should."""
    if rollout.steps is None or rollout.step is None or rollout.step_started_at is None:
        return rollout.steps is None
    minutes = rollout.steps[-1].minutes or 0.0
    return rollout.step == len(rollout.steps) - 1 and now >= rollout.step_started_at + timedelta(minutes=minutes)


def told(reading: GuardReading) -> str:
    """`error_rate 0.001 against 0.002`."""
    stable = "nothing" if reading.stable is None else f"{reading.stable:.3g}"
    return f"{reading.guard.value} {reading.candidate:.3g} against {stable}"
