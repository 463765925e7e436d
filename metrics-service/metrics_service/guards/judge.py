"""What guards make of a canary, look by look; pure but for what a judge remembers of the looks before.

How slow is slow for p95: beyond the stable version's 95th percentile in the blocks before, and for the candidate beyond
what is tolerated of that. If the candidate's 95th percentile is tolerable, no larger share of its requests is slow than
of the stable version's. A value is right for `accuracy` where it is off by no more than nine in ten of the stable
version's first ones are, for either version. Times and confidences of one look count as one outcome for each version,
for they may hang together; errors and judgements count one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, log

from metrics_service.guards.e_value import Block, Outcomes
from metrics_service.guards.evidence import Evidence
from metrics_service.guards.totals import Pair, Recorded, Times, Totals, as_ones, slower
from metrics_service.guards.tracking import (
    CountTracker,
    ErrorTracker,
    TimeTracker,
    p95_bin,
    request_blocks,
    request_times,
    slow_block,
)
from metrics_service.windows.histogram import GAMMA, ZERO_BIN
from shared.contracts.guards import GuardName, Guards
from shared.contracts.thresholds import Thresholds

BELIEVED_ERRORS = 0.01
BELIEVED_SLOW = 0.05
BELIEVED_UNSURE = 0.2
BELIEVED_WRONG = 0.1
"""What is expected of a stable version before anything is known of it; wrong beliefs cost time and nothing else."""

ONLY = 0
"""The one stratum of what is not told by revision."""

TIME, TIME_LIMIT = "thresholds.time", "thresholds.time_limit"
UNSURE, UNSURE_LIMIT = "thresholds.confidence", "thresholds.confidence_limit"
"""The tests of `thresholds`: worse than the stable version, and beyond the limit; only both together say something."""


@dataclass(slots=True)
class Judge:
    """Of one rollout. Mutable: the evidence, and what of the totals it rests on; only `look` changes them."""

    guards: Guards
    evidence: dict[str, Evidence] = field(default_factory=dict)
    _errors: CountTracker = field(default_factory=CountTracker)
    _wrong: CountTracker = field(default_factory=CountTracker)
    _errors_of_values: ErrorTracker = field(default_factory=ErrorTracker)
    _waits: TimeTracker = field(default_factory=TimeTracker)
    _inferences: TimeTracker = field(default_factory=TimeTracker)
    _recorded: Pair[Recorded] = field(default_factory=lambda: Pair(Recorded(), Recorded()))

    def start_at(self, totals: Totals) -> None:
        """Leaves out what there is already: the evidence that it was given may rest on that."""
        self._errors.start_at(request_blocks(totals.requests))
        self._wrong.start_at({ONLY: Block(totals.judged.candidate, totals.judged.stable)})
        self._errors_of_values.start_at(totals.errors)
        self._waits.start_at(request_times(totals.requests))
        self._inferences.start_at({ONLY: inference_times(totals.recorded)})
        self._recorded = totals.recorded

    def look(self, totals: Totals, thresholds: Thresholds) -> None:
        """Adds what has come since the last look."""
        for block in self._errors.blocks(request_blocks(totals.requests)):
            self._add(GuardName.ERROR_RATE, block, block, BELIEVED_ERRORS, self.guards.error_rate.tolerance)
        for block in self._wrong.blocks({ONLY: Block(totals.judged.candidate, totals.judged.stable)}):
            self._add(GuardName.ACCURACY, block, block, BELIEVED_WRONG, self.guards.accuracy.tolerance)
        for block in self._errors_of_values.blocks(totals.errors):
            self._add(GuardName.ACCURACY, block, block, BELIEVED_WRONG, self.guards.accuracy.tolerance)
        self._look_at_waits(request_times(totals.requests))
        self._look_at_inferences(inference_times(totals.recorded), thresholds.max_inference_time_critical_ms)
        self._look_at_confidence(totals.recorded, 1 - thresholds.min_confidence_critical)

    @property
    def error_limit(self) -> int | None:
        """The last bin of errors that is not far off; None: none of values, or of too few, are known."""
        return self._errors_of_values.limit

    def log_e(self, guard: GuardName) -> float:
        """The logarithm of what speaks against the candidate."""
        if guard is GuardName.THRESHOLDS:
            return max(self._of_both(TIME, TIME_LIMIT), self._of_both(UNSURE, UNSURE_LIMIT))
        return self._of(guard).log_e

    def is_enabled(self, guard: GuardName) -> bool:
        """Whether it may act."""
        enabled: bool = getattr(self.guards, guard.value).enabled
        return enabled

    def _look_at_waits(self, totals: Mapping[int, Pair[Times]]) -> None:
        """p95 of what requests took, for those that the policy sent to a version."""
        stable_bin = p95_bin(self._waits.stable_before())
        limit = tolerated_bin(stable_bin, self.guards) if stable_bin is not None else None
        for times in self._waits.blocks(totals):
            if stable_bin is not None and limit is not None:
                block = slow_block(times, limit, stable_bin)
                self._add(GuardName.P95, block, as_ones(block), BELIEVED_SLOW, 0.0)

    def _look_at_inferences(self, times: Pair[Times], critical_ms: float) -> None:
        """Inference times against the critical threshold, and against the stable version's."""
        limit = bin_of(critical_ms)
        for new in self._inferences.blocks({ONLY: times}):
            block = slow_block(new, limit, limit)
            self._add(TIME, block, as_ones(block), BELIEVED_SLOW, 0.0)
            self._add_limit(TIME_LIMIT, slower(new.candidate, limit).as_one(), 0.05)

    def _look_at_confidence(self, recorded: Pair[Recorded], unsure_limit: float) -> None:
        """Confidence against the stable version's, and against the critical threshold."""
        before = self._recorded
        block = Block(recorded.candidate.sure - before.candidate.sure, recorded.stable.sure - before.stable.sure)
        if not block.candidate.number or not block.stable.number:
            return
        self._recorded = recorded
        self._add(GuardName.CONFIDENCE, block, as_ones(block), BELIEVED_UNSURE, self.guards.confidence.tolerance)
        self._add(UNSURE, block, as_ones(block), BELIEVED_UNSURE, 0.0)
        self._add_limit(UNSURE_LIMIT, block.candidate.as_one(), unsure_limit)

    def _add(self, key: str, block: Block, weighed: Block, believed: float, tolerance: float) -> None:
        self.evidence[key] = self._of(key).after(block, weighed, believed, tolerance)

    def _add_limit(self, key: str, candidate: Outcomes, limit: float) -> None:
        self.evidence[key] = self._of(key).after_limit(candidate, limit)

    def _of(self, key: str) -> Evidence:
        return self.evidence.get(key, Evidence())

    def _of_both(self, first: str, second: str) -> float:
        """What speaks against both claims at once: a candidate that is no worse makes one of them true."""
        return min(self._of(first).log_e, self._of(second).log_e)


def inference_times(recorded: Pair[Recorded]) -> Pair[Times]:
    """Of both versions."""
    return Pair(recorded.candidate.times, recorded.stable.times)


def bin_of(milliseconds: float) -> int:
    """The logarithmic bin that a time lies in."""
    return ceil(log(milliseconds) / log(GAMMA)) if milliseconds > 0 else ZERO_BIN


def tolerated_bin(stable_bin: int, guards: Guards) -> int:
    """Beyond which of the candidate's bins a request is slow."""
    usual = 0.0 if stable_bin == ZERO_BIN else GAMMA**stable_bin
    return max(stable_bin, bin_of(max(usual * guards.p95.times, usual + guards.p95.more_ms)))
