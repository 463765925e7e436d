"""Claims about one key beside all callers: how much of the traffic it is, how sure and how fast the same versions are.

Of a key there are counts and averages, and no distribution. How far chance alone takes its average from that of all is
known all the same: a key's predictions are some of all, so the spread of all, at most, says it; pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE, SURE, by_chance, spread_of
from analytics_service.rules.claim import Claim
from analytics_service.rules.confidence import MATTERS
from analytics_service.rules.figures import MOST, apart, percent, plural
from analytics_service.rules.speed import MATTERS as ROOM_THAT_MATTERS
from analytics_service.rules.speed import SLOWER_AT_LEAST
from analytics_service.rules.traffic import TooFew
from analytics_service.rules.versions import labelled
from analytics_service.rules.windows import hours
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics

COMPARISONS = 2
"""Of each version: confidence and time."""

PERCENTILE_ERROR = 0.01
"""Percentiles are known to a part of themselves."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a version did for a key, and for all callers: the key's predictions are among these."""

    own: VersionMetrics
    of_all: VersionMetrics

    @property
    def name(self) -> str:
        """`version 1.0.0 of sentiment`."""
        return f"version {self.own.model_version} of {self.own.model_name}"

    @property
    def is_judged(self) -> bool:
        """Whether both the key's predictions and those of the others are enough for averages to be compared."""
        own, others = self.own.total_predictions, self.of_all.total_predictions - self.own.total_predictions
        return min(own, others) >= MIN_SAMPLE

    @property
    def is_sure_throughout(self) -> bool:
        """Whether each prediction has a confidence, so that averages of confidence rest on all."""
        return labelled(self.of_all) == self.of_all.total_predictions

    def by_chance(self, own: float, of_all: float, spread: float) -> float:
        """How often so many of all, drawn at random, have an average so far from that of all."""
        count, whole = self.own.total_predictions, self.of_all.total_predictions
        return by_chance(own - of_all, spread / count * (whole - count) / (whole - 1))


@dataclass(frozen=True, slots=True)
class AverageOfKey(Claim):
    """An average of a key's predictions with one version, and that of all callers."""

    version: str
    own: float
    of_all: float

    @property
    def severity(self) -> Severity:
        """Medium: one caller is served otherwise than all are."""
        return Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class KeyConfidence(AverageOfKey):
    """How sure the same version is of what comes with this key, and that not by chance."""

    @property
    def sentence(self) -> str:
        """The claim in words."""
        own, of_all = apart(self.own, self.of_all)
        return f"Average confidence of {self.version} was {own} with this key, {of_all} over all callers."


@dataclass(frozen=True, slots=True)
class KeyLessSure(KeyConfidence):
    """It is less sure."""

    issue_type: ClassVar[str] = "caller_less_sure"
    advice: ClassVar[str] = "Compare what this caller sends with what others send: its predictions are on record."


@dataclass(frozen=True, slots=True)
class KeySurer(KeyConfidence):
    """It is surer: good to know."""

    issue_type: ClassVar[str] = "caller_surer"
    advice: ClassVar[str] = "Find out why the model is surer of what this caller sends: easier or repeated inputs?"

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW


@dataclass(frozen=True, slots=True)
class KeySlower(AverageOfKey):
    """The same version takes longer for this key, by enough to matter and not by chance."""

    issue_type: ClassVar[str] = "caller_slower"
    advice: ClassVar[str] = "Check how long this caller's inputs are, and whether they come in bursts."

    @property
    def sentence(self) -> str:
        """The claim in words."""
        own, of_all = apart(self.own, self.of_all)
        return f"An inference by {self.version} took {own} ms on average with this key, {of_all} ms over all callers."


@dataclass(frozen=True, slots=True)
class KeyOfMost(Claim):
    """Most of all predictions come with this key, so that numbers over all callers are mostly its own."""

    issue_type: ClassVar[str] = "caller_of_most"
    advice: ClassVar[str] = "Read numbers over all callers as mostly this one's; give its key limits if it is too much."

    count: int
    total: int

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        share = percent(self.count / self.total)
        return f"{share} of the {plural(self.total, 'prediction')} of all callers came with this key."


def key_claims(facts: Facts) -> Iterator[Claim]:
    """All that is to be said of a key."""
    count = facts.now.total_predictions
    if count < MIN_SAMPLE:
        yield TooFew(count, f"{hours(facts)} with this key")
        return
    total = facts.all_callers.total_predictions if facts.all_callers else 0
    if MOST * total <= count <= total:
        yield KeyOfMost(count, total)
    judged = [each for each in beside(facts) if each.is_judged]
    for each in judged:
        yield from claims_of(each, facts, SURE / (COMPARISONS * len(judged)))


def beside(facts: Facts) -> list[Beside]:
    """The versions of a key that all callers' numbers have as well, the most asked ones first."""
    of_all = facts.all_callers.versions if facts.all_callers else []
    known = {(each.model_name, each.model_version): each for each in of_all}
    pairs = [(own, known.get((own.model_name, own.model_version))) for own in facts.now.versions]
    return [Beside(own, other) for own, other in pairs if other is not None]


def claims_of(pair: Beside, facts: Facts, sure: float) -> Iterator[AverageOfKey]:
    """Whether a version is less sure, surer or slower; `sure`: how often chance may show as much."""
    own, of_all = pair.own.average_confidence, pair.of_all.average_confidence
    if own is not None and of_all is not None and abs(own - of_all) >= MATTERS and (chance_of_confidence(pair) <= sure):
        yield (KeyLessSure if own < of_all else KeySurer)(pair.name, own, of_all)
    time, time_of_all = pair.own.average_inference_time_ms, pair.of_all.average_inference_time_ms
    if (
        time
        and time_of_all
        and time >= SLOWER_AT_LEAST * time_of_all
        and (room_used(time, time_of_all, facts) >= ROOM_THAT_MATTERS and chance_of_time(pair, facts) <= sure)
    ):
        yield KeySlower(pair.name, time, time_of_all)


def chance_of_confidence(pair: Beside) -> float:
    """How often chance alone makes a version so much less sure, or surer, of a key's inputs; 1 where none is known."""
    own, of_all = pair.own.average_confidence, pair.of_all.average_confidence
    if own is None or of_all is None or not (pair.is_judged and pair.is_sure_throughout):
        return 1.0
    return pair.by_chance(own, of_all, spread_of(of_all))


def chance_of_time(pair: Beside, facts: Facts) -> float:
    """How often chance alone makes a version so much slower, or faster, for a key; 1 where that is not known."""
    own, of_all = pair.own.average_inference_time_ms, pair.of_all.average_inference_time_ms
    everybody = facts.all_callers
    if own is None or of_all is None or everybody is None or not pair.is_judged:
        return 1.0
    spread = spread_of_times(everybody, of_all)
    return 1.0 if spread is None else pair.by_chance(own, of_all, spread)


def spread_of_times(metrics: AggregatedMetrics, mean: float) -> float | None:
    """The variance at most of one version's times, by the extremes of the window; of its only one by percentiles too.

    None: the extremes are not known.
    """
    least, most = metrics.min_inference_time_ms, metrics.max_inference_time_ms
    if least is None or most is None or not least <= mean <= most:
        return None
    widest = (most - mean) * (mean - least)
    edges = [least, metrics.p50_inference_time_ms, metrics.p95_inference_time_ms, metrics.p99_inference_time_ms, most]
    known = [each for each in edges if each is not None]
    if len(metrics.versions) != 1 or len(known) != len(edges):
        return widest
    shares = (0.5, 0.45, 0.04, 0.01)
    parts = (
        share * max((low * (1 - PERCENTILE_ERROR) - mean) ** 2, (high * (1 + PERCENTILE_ERROR) - mean) ** 2)
        for share, low, high in zip(shares, known, known[1:], strict=False)
    )
    return min(widest, sum(parts))


def room_used(own: float, of_all: float, facts: Facts) -> float:
    """Which part of the room up to the warning threshold a key's average takes beyond that of all."""
    room = facts.state.thresholds.max_inference_time_warning_ms - of_all
    return (own - of_all) / room if room > 0 else 1.0
