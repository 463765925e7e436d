"""Figures that a sentence may have: those that were told, and what follows from two that belong together; pure.

Checked are percentages, times, predictions, multiples and decimals, at the precision that they are written with.
Other whole numbers stay: they count issues, minutes, hours, anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.models import by_model
from analytics_service.rules.version_differences import furthest_apart
from analytics_service.truth.counts_told import counts_told, sums_of_named
from analytics_service.truth.told import told_of
from analytics_service.truth.told_of_key import pairs_of_key
from shared.contracts.aggregates import AggregatedMetrics

FIGURE = re.compile(
    r"(?P<about>\b(?:about|around|approximately|roughly|nearly|almost|some|over|under|more than|less than|at least"
    r"|up to|above|below|fewer than|close to|~|≈|<|>)\s*)?"
    r"(?<![\w.:/-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w]*[:/]\d|\.\d|,\d)"
    r"(?:\s*-?\s*(?P<unit>%|percent(?:age)?(?: points?)?|pp\b|ms\b|milliseconds?|s\b|sec\b|seconds?\b"
    r"|predictions?\b|requests\b|inferences\b|samples\b|times\b|x\b|fold\b))?",
    re.IGNORECASE,
)
CONFIDENCE = re.compile(
    r"confidence (?:is|was|of|at|stands at|stood at|averaged|averages) (?:now |only |just )?"
    r"(0\.\d{2,})(?!\d| (?:below|above|lower|higher|less|more|under|over|points?))",
    re.IGNORECASE,
)
"""A figure that is said to be a confidence must be one."""

NOW_P95 = re.compile(
    r"(?:\b95 ?% of (?:all )?inferences took (?:up to|at most)|\b(?:p95|95th percentile)(?: latency| time)? is(?: now)?"
    r"|\blatency is(?: now)?) (\d[\d,]*(?:\.\d+)?) ?ms\b"
    r"(?! (?:below|above|lower|higher|less|more|over|under|slower|faster))",
    re.IGNORECASE,
)
"""What is said of the window without saying that it was before."""

PAST = re.compile(r"\bbefore\b|earlier|previous|used to|median|p50|p99|average", re.IGNORECASE)

ROUGHLY = 0.1
"""What is said to be about, or more or less than something, may be so far from it: a part of it."""

USUAL_PERCENT = (0.0, 1.0, 5.0, 10.0, 50.0, 90.0, 95.0, 99.0, 100.0)
"""Percentiles, and parts that are said of everything."""


@dataclass(slots=True)
class Told:
    """What may be said, by the kind of figure."""

    percent: set[float] = field(default_factory=lambda: set(USUAL_PERCENT))
    time: set[float] = field(default_factory=set)
    count: set[float] = field(default_factory=set)
    ratio: set[float] = field(default_factory=set)
    decimal: set[float] = field(default_factory=set)
    confidence: set[float] = field(default_factory=set)


class Figures:
    """The figures of some facts."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.told = facts, told_by(facts)

    def unknown_in(self, sentence: str) -> str | None:
        """The first figure of a sentence that is none of them."""
        for match in CONFIDENCE.finditer(sentence):
            if not any(is_near(match[1], each, None) for each in self.told.confidence):
                return f"a confidence of {match[1]}"
        for match in NOW_P95.finditer(sentence):
            if not PAST.search(sentence[: match.end()]) and not self.is_of_now(match[1]):
                return f"{match[1]} ms, as of now"
        sums = list(sums_of_named(sentence, self.facts))
        for match in FIGURE.finditer(sentence):
            allowed = self.allowed(match["unit"] or "", match["number"])
            if allowed is not None and sums:
                allowed = allowed | {figure for count, share in sums for figure in (count, share, share * 100)}
            if allowed is not None and not any(is_near(match["number"], each, match["about"]) for each in allowed):
                return f"{match['number']} {match['unit'] or ''}".strip()
        return None

    def is_of_now(self, text: str) -> bool:
        """Whether a time is one of this window."""
        now = self.facts.now
        times = [getattr(now, name) for name in AggregatedMetrics.model_fields if name.endswith("_inference_time_ms")]
        return any(is_near(text, each, None) for each in times if each is not None)

    def allowed(self, unit: str, number: str) -> set[float] | None:
        """What a figure of this unit may be; None: anything."""
        unit = unit.lower()
        if unit.startswith(("%", "percent", "pp")):
            return self.told.percent
        if unit.startswith(("ms", "milli")):
            return self.told.time
        if unit.startswith(("prediction", "request", "inference", "sample")):
            return self.told.count
        if unit.startswith("s"):
            return {each / 1000 for each in self.told.time} if "." in number else None
        if unit in ("times", "x", "fold"):
            return self.told.ratio if "." in number else None
        is_precise = len(number.partition(".")[2]) >= 2
        everything = self.told.decimal | self.told.time | self.told.ratio | self.told.percent
        return everything if is_precise else None


def is_near(text: str, value: float, about: str | None) -> bool:
    """Whether a written figure is a value, rounded or cut off where it ends."""
    written = float(text.replace(",", ""))
    decimals = len(text.partition(".")[2])
    zeros = len(text) - len(text.rstrip("0")) if decimals == 0 and written >= 1000 else 0
    step = 10.0 ** (zeros - decimals)
    room = max(step, ROUGHLY * abs(value)) if about else step
    return abs(written - value) < room * (1.0001 if about else 0.9999)


def told_by(facts: Facts) -> Told:
    """Everything that may be said."""
    told = Told(count=counts_told(facts))
    for name, value in chain(numbers_in(told_of(facts)), as_measured(facts)):
        told.decimal.add(abs(value))
        if "_ms" in name or "inference" in name or name in ("threshold_value", "measured_value"):
            told.time.add(abs(value))
        if "confidence" in name or name in ("threshold_value", "measured_value", "before", "now"):
            told.confidence.add(value)
        if -1 <= value <= 1:
            told.percent |= {abs(value) * 100, (1 - value) * 100}
    edges = {float(edge) for name in bins_of(facts) for edge in re.findall(r"\d+(?:\.\d+)?", name)}
    told.decimal |= edges
    told.confidence |= edges
    for share in shares_of(facts):
        told.percent.add(share * 100)
        told.decimal.add(share)
    for before, now in pairs_of_key(facts) if facts.all_callers else pairs_of(facts):
        add_change(told, before, now)
    return told


def as_measured(facts: Facts) -> Iterator[tuple[str, float]]:
    """What Gemini is told rounded, as it was: rules write 0.99999 where Gemini reads 1."""
    for metrics in facts.windows:
        yield from numbers_in(metrics.model_dump())


def add_change(told: Told, before: float, now: float) -> None:
    """What follows from two figures of one kind: their difference, their ratio, the change in per cent."""
    difference = abs(now - before)
    is_count = isinstance(before, int) and isinstance(now, int)
    told.decimal.add(difference)
    (told.count if is_count else told.time).add(difference)
    if max(before, now) <= 1:
        told.percent.add(difference * 100)
    for one, other in ((before, now), (now, before)):
        if one:
            told.ratio.add(other / one)
            told.percent |= {difference / one * 100, other / one * 100}


def numbers_in(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number in what was told, and under which name it stood."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from numbers_in(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def shares_of(facts: Facts) -> Iterator[float]:
    """Parts of a whole: labels, versions, ranges of a distribution, judgements."""
    for metrics in facts.windows:
        yield from of_whole(metrics.label_distribution)
        yield from of_whole({str(at): each.total_predictions for at, each in enumerate(metrics.versions)})
        yield from of_whole(by_model(metrics))
        for model in {each.model_name for each in metrics.versions}:
            counts = {
                each.model_version: each.total_predictions for each in metrics.versions if each.model_name == model
            }
            yield from of_whole(counts)
        for each in metrics.versions:
            yield from of_whole(each.label_distribution)
        yield from metrics.labels.shares.values() if metrics.labels else ()
    for drift in filter(None, (facts.drift, facts.pinned)):
        for measure in drift.measures:
            yield from (*measure.reference.values(), *measure.current.values())
    quality, total = facts.quality, facts.now.total_predictions
    if quality and quality.accuracy is not None and total:
        wrong = quality.counts_for * (1 - quality.accuracy)
        yield from (wrong / total, (quality.counts_for - wrong) / total, 1 - quality.feedback_count / total)


def bins_of(facts: Facts) -> Iterator[str]:
    """The ranges of what is a number: confidences, lengths, values, inputs that are no categories."""
    for drift in filter(None, (facts.drift, facts.pinned)):
        for measure in drift.measures:
            if measure.name not in {"label", "labels"} and (measure.input is None or measure.other is None):
                yield from measure.reference.keys() | measure.current.keys()


def of_whole(counts: Mapping[str, int]) -> Iterator[float]:
    """Each as a share of all."""
    total = sum(counts.values())
    return (count / total for count in counts.values()) if total else iter(())


def pairs_of(facts: Facts) -> Iterator[tuple[float, float]]:
    """Figures that belong together: before and now, measured and limit, a percentile and another."""
    now, before = facts.now, facts.before
    for breach in now.breaches:
        yield breach.threshold_value, breach.measured_value
    limits = facts.state.thresholds
    for limit in (limits.min_confidence_warning, limits.min_confidence_critical):
        yield limit, now.average_confidence or 0.0
    for limit in (limits.max_inference_time_warning_ms, limits.max_inference_time_critical_ms):
        yield limit, now.p95_inference_time_ms or 0.0
    yield now.p50_inference_time_ms or 0.0, now.p99_inference_time_ms or 0.0
    yield from errors_of(now)
    yield from ((pair.low, pair.high) for pair in furthest_apart(facts))
    if before:
        yield before.total_predictions, now.total_predictions
        yield from zip(scalars(before), scalars(now), strict=True)
        if before.values and now.values:
            yield before.values.average, now.values.average
        for label in before.label_distribution.keys() | now.label_distribution.keys():
            counts = before.label_distribution.get(label, 0), now.label_distribution.get(label, 0)
            yield counts
            if before.total_predictions and now.total_predictions:
                yield counts[0] / before.total_predictions, counts[1] / now.total_predictions
    confidences = [
        each.average_confidence or 0.0 for side in filter(None, (now, before)) for each in side.versions[:10]
    ]
    yield from ((one, other) for at, one in enumerate(confidences) for other in confidences[at + 1 :])


def errors_of(metrics: AggregatedMetrics) -> Iterator[tuple[float, float]]:
    """Both errors of values, by all feedback and by that with the admin token."""
    for errors in (metrics.errors, metrics.errors.trusted if metrics.errors else None):
        if errors is not None:
            yield errors.mae, errors.rmse


def scalars(metrics: AggregatedMetrics) -> list[float]:
    """The figures of a window that change from one to the next."""
    return [
        float(value or 0.0)
        for value in (
            metrics.average_confidence,
            metrics.average_inference_time_ms,
            metrics.min_inference_time_ms,
            metrics.max_inference_time_ms,
            metrics.p50_inference_time_ms,
            metrics.p95_inference_time_ms,
            metrics.p99_inference_time_ms,
        )
    ]
