"""Claims about inference times. What matters is the part of the room up to the threshold that is used up; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import SURE, Percentiles, rise_by_chance
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import apart, number
from analytics_service.rules.windows import comparable, window_before
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics

MATTERS, MATTERS_MUCH = 0.1, 0.5
"""Parts of the room between the time before and the threshold."""

SLOWER_AT_LEAST = 1.25
"""Times the window before, where the threshold was reached before and there is no room left to use up."""

LONG_TAIL = 5.0
"""99th percentile in units of the median."""

TAIL_SAMPLE = 300
"""With fewer, the 99th percentile is the two or three slowest: no tail, but single predictions."""

KNOWN_SHARES = (("p50_inference_time_ms", 0.5), ("p95_inference_time_ms", 0.95), ("p99_inference_time_ms", 0.99))


@dataclass(frozen=True, slots=True)
class Slower(Claim):
    """Inference takes longer than in the window before, by enough to matter and not by chance."""

    issue_type: ClassVar[str] = "inference_slowing"
    advice: ClassVar[str] = "Check load and CPU of prediction-service over this window."

    before: float
    now: float
    threshold: float
    """The warning threshold, in milliseconds."""
    window_before: str

    @property
    def used_up(self) -> float:
        """Which part of the room up to the threshold the change took; all of it when there was none."""
        room = self.threshold - self.before
        return (self.now - self.before) / room if room > 0 else 1.0

    @property
    def severity(self) -> Severity:
        """By the room that is left."""
        return Severity.HIGH if self.used_up >= MATTERS_MUCH else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        before, now = apart(self.before, self.now)
        return f"95 % of inferences took up to {now} ms, {before} ms in {self.window_before}; {self.beside_threshold}."

    @property
    def beside_threshold(self) -> str:
        """Where both are, seen from the warning threshold."""
        limit = f"{number(self.threshold)} ms"
        if self.before > self.threshold:
            return f"both are above the warning threshold of {limit}"
        if self.now > self.threshold:
            return f"that is above the warning threshold of {limit}"
        return f"a warning comes at {limit}"


@dataclass(frozen=True, slots=True)
class LongTail(Claim):
    """A few predictions take much longer than most."""

    issue_type: ClassVar[str] = "long_tail"
    advice: ClassVar[str] = "Look for very long inputs or bursts that queue."

    median: float
    p99: float

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        p99, median = number(self.p99), number(self.median)
        return f"The slowest 1 % of inferences took {p99} ms or more, half of all at most {median} ms."


def speed_claims(facts: Facts) -> Iterator[Claim]:
    """How inference times changed, and what is odd about them."""
    threshold = facts.state.thresholds.max_inference_time_warning_ms
    before, now = comparable(facts), facts.now
    if before and before.p95_inference_time_ms and now.p95_inference_time_ms:
        slower = Slower(before.p95_inference_time_ms, now.p95_inference_time_ms, threshold, window_before(facts))
        enough = slower.used_up >= MATTERS and slower.now >= SLOWER_AT_LEAST * slower.before
        if enough and slower_by_chance(before, now) <= SURE:
            yield slower
    median, p99 = now.p50_inference_time_ms, now.p99_inference_time_ms
    if now.total_predictions >= TAIL_SAMPLE and median and p99 and p99 >= max(LONG_TAIL * median, MATTERS * threshold):
        yield LongTail(median, p99)


def slower_by_chance(before: AggregatedMetrics, now: AggregatedMetrics) -> float:
    """How often chance shows times that moved up as far."""
    return rise_by_chance(times_of(before), times_of(now))


def times_of(metrics: AggregatedMetrics | VersionMetrics) -> Percentiles:
    """The percentiles of a window's times, or of a version's, as far as they are known."""
    known = {share: getattr(metrics, name) for name, share in KNOWN_SHARES}
    return Percentiles(metrics.total_predictions, {share: time for share, time in known.items() if time})
