"""Claims about versions of a model beside each other: how sure they are, their values, how long they take; pure.

Compared is what the task has: times of all, confidence and values where there are any.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb, inf, nextafter
from typing import ClassVar, Literal

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import (
    MIN_SAMPLE,
    SURE,
    Percentiles,
    means_by_chance,
    rise_by_chance,
    spread_of,
)
from analytics_service.rules.claim import Claim
from analytics_service.rules.confidence import MATTERS
from analytics_service.rules.figures import apart
from analytics_service.rules.speed import MATTERS as PART_OF_ROOM
from analytics_service.rules.speed import SLOWER_AT_LEAST, times_of
from analytics_service.rules.versions import by_model, labelled
from shared.contracts.aggregates import VersionMetrics

Compared = Literal["average_confidence", "median_value", "p95_inference_time_ms"]

VALUE_SHARES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}

INEXACT = 0.02
"""Part of a percentile of values that two of them may differ by where they are the same: each is within 1 %."""

MOST_COMPARED = 20
"""Versions of a model, those with the most predictions: each is compared with each."""

EITHER_WAY = 2
"""Which of two versions is above the other is seen before it is asked whether that is by chance."""


Found = tuple[float, bool]
"""How often chance alone shows two versions as far apart, and whether it matters."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Two versions of a model, and how often chance alone shows them as far apart."""

    model: str
    figure: Compared
    higher: str
    high: float
    lower: str
    low: float
    by_chance: float
    matters: bool

    @property
    def is_claimed(self) -> bool:
        """Whether that is to be told: large enough, and not by chance."""
        return self.matters and self.by_chance <= SURE


@dataclass(frozen=True, slots=True)
class VersionsDiffer(Claim):
    """Two versions serve beside each other, and one is surer, higher or slower than the other, for sure."""

    issue_type: ClassVar[str] = "versions_differ"
    advice: ClassVar[str] = "Compare both versions on feedback before one of them gets all the traffic."

    seen: Apart

    @property
    def severity(self) -> Severity:
        """Low: surer or higher is not better, and what is too slow is another claim."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        high, low = apart(self.seen.high, self.seen.low)
        what, unit = WORDS[self.seen.figure]
        higher = f"version {self.seen.higher} had {what} of {high}{unit}"
        return f"Of {self.seen.model}, {higher}, version {self.seen.lower} of {low}{unit}."


WORDS: Mapping[Compared, tuple[str, str]] = {
    "average_confidence": ("an average confidence", ""),
    "median_value": ("a median value", ""),
    "p95_inference_time_ms": ("a 95th percentile of inference time", " ms"),
}
"""What a figure is called, and its unit."""


def difference_claims(facts: Facts) -> Iterator[Claim]:
    """Of each model and figure the pair that is furthest apart, if that is for sure."""
    return (VersionsDiffer(seen) for seen in furthest_apart(facts) if seen.is_claimed)


def of_so_many(found: Found, pairs: int) -> Found:
    """The same, where the pair is one of so many that are looked at: chance has as many tries (Bonferroni)."""
    by_chance, matters = found
    return min(1.0, by_chance * pairs), matters


def furthest_apart(facts: Facts) -> Iterator[Apart]:
    """Of each model and figure the pair that is furthest apart; one that is so for sure before any other."""
    threshold = facts.state.thresholds.max_inference_time_warning_ms
    for model, versions in sorted(by_model(facts.now).items()):
        sizable = [each for each in versions if each.total_predictions >= MIN_SAMPLE][:MOST_COMPARED]
        for figure, compare in COMPARISONS.items():
            known = [(value, each) for each in sizable if (value := FIGURES[figure](each)) is not None]
            known.sort(key=lambda one: (one[0], one[1].model_version))
            pairs = comb(len(known), 2)
            found = [
                Apart(
                    model,
                    figure,
                    upper.model_version,
                    high,
                    lower.model_version,
                    low,
                    *of_so_many(compare(lower, upper, threshold), pairs),
                )
                for (low, lower), (high, upper) in combinations(known, 2)
            ]
            yield from sorted(found, key=lambda one: (one.is_claimed, one.high - one.low))[-1:]


def median_of(version: VersionMetrics) -> float | None:
    """Of its values, if so many predictions have one that it says something."""
    values = version.values
    return values.p50 if values and values.predictions >= MIN_SAMPLE else None


FIGURES: Mapping[Compared, Callable[[VersionMetrics], float | None]] = {
    "average_confidence": lambda version: version.average_confidence,
    "median_value": median_of,
    "p95_inference_time_ms": lambda version: version.p95_inference_time_ms,
}
"""What is compared of a version; None: it has none."""


def surer(lower: VersionMetrics, upper: VersionMetrics, _: float) -> Found:
    """By their average confidences."""
    low, high = lower.average_confidence or 0.0, upper.average_confidence or 0.0
    by_chance = means_by_chance((low, labelled(lower), spread_of(low)), (high, labelled(upper), spread_of(high)))
    return by_chance, high - low >= MATTERS


def higher(lower: VersionMetrics, upper: VersionMetrics, _: float) -> Found:
    """By the percentiles of their values; whatever is certain by these matters, as a part of all values has moved."""
    low, high = values_of(lower, above=True), values_of(upper)
    return min(1.0, EITHER_WAY * rise_by_chance(low, high)), high.at[0.5] >= low.at[0.5]


def slower(lower: VersionMetrics, upper: VersionMetrics, threshold: float) -> Found:
    """By the percentiles of their times; it matters if the slower one needs more of the warning threshold by a part."""
    low, high = lower.p95_inference_time_ms or 0.0, upper.p95_inference_time_ms or 0.0
    matters = high >= SLOWER_AT_LEAST * low and high - low >= PART_OF_ROOM * threshold
    return min(1.0, EITHER_WAY * rise_by_chance(times_of(lower), times_of(upper))), matters


COMPARISONS: Mapping[Compared, Callable[[VersionMetrics, VersionMetrics, float], Found]] = {
    "average_confidence": surer,
    "median_value": higher,
    "p95_inference_time_ms": slower,
}


def values_of(version: VersionMetrics, *, above: bool = False) -> Percentiles:
    """The percentiles of a version's values; `above`: what is above them, for sure."""
    values = version.values
    if values is None:
        return Percentiles(0, {})
    known = {share: float(getattr(values, name)) for name, share in VALUE_SHARES.items()}
    if above:
        known = {share: nextafter(value + INEXACT * abs(value), inf) for share, value in known.items()}
    return Percentiles(values.predictions, known)
