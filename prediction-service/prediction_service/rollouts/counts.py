"""What becomes of the requests that a canary sends to a version: running totals, as the guards want them.

Counted are requests whose version the policy chose, not those that name one, and no streams. An error is a request
that the version could not answer for a reason of its own: it failed, it made no sense, it took too long. What was
refused because too much waited, and requests whose client left or was wrong, say nothing about a version.
"""

from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log
from time import perf_counter
from typing import Any

from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import DeadlinePassed, ModelFailed, ModelUnavailable, TookTooLong
from shared.http.problems import Problem

OWN_FAULTS = (ModelFailed, ModelUnavailable, DeadlinePassed, TookTooLong)

GAMMA = 1.02
"""Of the logarithmic bins of times, as the migrations have it: bin i holds milliseconds in (GAMMA^(i-1), GAMMA^i]."""

ZERO_BIN = -100_000


class Arm(StrEnum):
    """Which of a canary's two versions."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class CountsKey:
    """Whose totals: under one revision the share stays the same, so that its two arms can be compared."""

    model_name: str
    revision: int
    arm: Arm


class VersionCounts:
    """The totals of one version under one revision, since this process began to count. Changed on the event loop."""

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.seconds_sum = self.seconds_squares = 0.0
        self.times = Counter[int]()

    async def of(self, computing: Awaitable[list[Outcome | ModelFailed]]) -> list[Outcome | ModelFailed]:
        """The results of a request, which is counted."""
        started = perf_counter()
        try:
            results = await computing
        except Problem as problem:
            if isinstance(problem, OWN_FAULTS):
                self.failed()
            raise
        except Exception:
            self.failed()
            raise
        if any(isinstance(result, ModelFailed) for result in results):
            self.failed()
        else:
            self.answered(perf_counter() - started)
        return results

    def failed(self) -> None:
        """A request that the version could not answer."""
        self.requests += 1
        self.errors += 1

    def answered(self, seconds: float) -> None:
        """A request that it answered, after so long."""
        self.requests += 1
        self.seconds_sum += seconds
        self.seconds_squares += seconds * seconds
        self.times[bin_of(seconds * 1000)] += 1

    def row(self) -> dict[str, Any]:
        """As it is written."""
        bins = sorted(self.times)
        return {
            "requests": self.requests,
            "errors": self.errors,
            "seconds_sum": self.seconds_sum,
            "seconds_squares": self.seconds_squares,
            "time_bins": bins,
            "time_counts": [self.times[time_bin] for time_bin in bins],
        }


def bin_of(milliseconds: float) -> int:
    """The bin of a time, as `metrics.time_bin` has it."""
    return ceil(log(milliseconds) / log(GAMMA)) if milliseconds > 0 else ZERO_BIN
