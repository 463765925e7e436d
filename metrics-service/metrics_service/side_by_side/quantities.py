"""Every number that two sides are compared by, with its interval on each; pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metrics_service.drift.certainty import p_value
from metrics_service.drift.comparison import ordered_bins
from metrics_service.drift.value_ranges import by_range, last_bins
from metrics_service.side_by_side.intervals import (
    Interval,
    binned_variance,
    of_average,
    of_quantile,
    of_share,
    of_skewed_average,
)
from metrics_service.side_by_side.sample import CONFIDENCE_HALF_BIN, Sample, confidence_of
from metrics_service.windows.aggregates import most_frequent_first
from metrics_service.windows.histogram import quantiles, signed_value_of, value_of
from shared.contracts.comparison import Quantity

MAX_LABELS = 20
"""Labels whose shares are compared one by one, the most frequent ones; all of them are in the distributions."""

LEAST_SHARE = 0.01
"""Of 1: what an accuracy, an average confidence or a label's share must differ by to matter."""

LEAST_OF_TIME = 0.05
"""Part of the reference's time: what a time must differ by to matter."""

LEAST_OF_ERROR = 0.05
"""Part of the reference's: what a mean absolute error must differ by to matter."""

LEAST_DEVIATIONS = 0.1
"""Standard deviations of the reference's values that an average value must differ by to matter; 0.2 is what Cohen calls
a small effect (Statistical Power Analysis for the Behavioral Sciences, 1988)."""

At = Callable[[Sample, float], Interval | None]
"""The number with the interval that holds it for so many standard deviations; None: there is no interval."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of both sides. `least`: by how much it must differ to matter, given the reference's.

    `by_chance`: where intervals do not suffice, how often chance alone tells what both sides measured as far apart.
    """

    name: Quantity
    value: Callable[[Sample], float | None]
    interval: At
    least: Callable[[Sample], float]
    label: str | None = None
    by_chance: Callable[[Sample, Sample], float] | None = None


def measured(reference: Sample, current: Sample) -> Iterator[Measured]:
    """Everything that at least one side has."""
    yield Measured("predictions_per_minute", lambda side: side.per_minute, lambda side, z: None, lambda side: 0.0)
    yield Measured("average_confidence", lambda side: side.metrics.average_confidence, confidence, share_matters)
    yield Measured(
        "average_inference_time_ms",
        lambda side: side.metrics.average_inference_time_ms,
        average_time,
        lambda side: LEAST_OF_TIME * (side.metrics.average_inference_time_ms or 0.0),
    )
    yield time_quantile("p50_inference_time_ms", 0.5, lambda side: side.metrics.p50_inference_time_ms)
    yield time_quantile("p95_inference_time_ms", 0.95, lambda side: side.metrics.p95_inference_time_ms)
    yield time_quantile("p99_inference_time_ms", 0.99, lambda side: side.metrics.p99_inference_time_ms)
    yield Measured("accuracy", lambda side: side.quality.accuracy, accuracy, share_matters)
    if any(side.metrics.values for side in (reference, current)):
        yield Measured("average_value", average_value_of, average_value, value_matters)
    if any(side.quality.errors for side in (reference, current)):
        yield Measured(
            "mean_absolute_error",
            lambda side: side.errors.mae if side.errors else None,
            average_error,
            lambda side: LEAST_OF_ERROR * (side.errors.mae if side.errors else 0.0),
            by_chance=errors_by_chance,
        )
    for label in most_frequent(reference.metrics.label_distribution, current.metrics.label_distribution):
        yield of_label(label)
    for label in most_frequent(set_counts(reference), set_counts(current)):
        yield of_set_label(label)


def share_matters(_: Sample) -> float:
    """What a share must differ by."""
    return LEAST_SHARE


def confidence(side: Sample, z: float) -> Interval | None:
    """The average is exact; how it scatters is known from twentieths, and said to be no less than it is."""
    if side.metrics.average_confidence is None:
        return None
    counts = side.shapes.confidence
    variance = binned_variance(counts, confidence_of, CONFIDENCE_HALF_BIN)
    return of_average(side.metrics.average_confidence, variance, sum(counts.values()), z)


def average_time(side: Sample, z: float) -> Interval | None:
    """The average inference time."""
    if side.metrics.average_inference_time_ms is None:
        return None
    variance = binned_variance(side.times, value_of)
    return of_average(side.metrics.average_inference_time_ms, variance, side.metrics.total_predictions, z)


def time_quantile(name: Quantity, fraction: float, value: Callable[[Sample], float | None]) -> Measured:
    """A percentile of inference times."""

    def interval(side: Sample, z: float) -> Interval | None:
        quantile, metrics = value(side), side.metrics
        smallest, largest = metrics.min_inference_time_ms, metrics.max_inference_time_ms
        if quantile is None or smallest is None or largest is None:
            return None

        def at(part: float) -> float:
            return quantiles(side.times, (part,), smallest, largest)[0]

        return of_quantile(quantile, fraction, metrics.total_predictions, at, z)

    return Measured(name, value, interval, lambda side: LEAST_OF_TIME * (value(side) or 0.0))


def accuracy(side: Sample, z: float) -> Interval | None:
    """The share of right ones among what people judged, by what their words count for."""
    if side.quality.accuracy is None:
        return None
    return of_share(side.quality.accuracy * side.quality.weight, side.quality.weight, z)


def average_value_of(side: Sample) -> float | None:
    """The average of a regression's values or of an embedding's norms."""
    return side.metrics.values.average if side.metrics.values else None


def average_value(side: Sample, z: float) -> Interval | None:
    """The same with its interval."""
    if side.metrics.values is None:
        return None
    variance = binned_variance(side.shapes.value, signed_value_of)
    return of_average(side.metrics.values.average, variance, side.metrics.values.predictions, z)


def value_matters(reference: Sample) -> float:
    """What an average value must differ by."""
    return LEAST_DEVIATIONS * float(binned_variance(reference.shapes.value, signed_value_of) ** 0.5)


def average_error(side: Sample, z: float) -> Interval | None:
    """How far values were from what they should have been, on average, as those with the admin token say."""
    if side.errors is None:
        return None
    variance = max(side.errors.rmse**2 - side.errors.mae**2, 0.0)
    return of_skewed_average(side.errors.mae, variance, side.errors.judged, z)


def errors_by_chance(reference: Sample, current: Sample) -> float:
    """How often chance tells errors of one and the same distribution as far apart, whatever that distribution is.

    An average of errors of which few are very large has no interval that holds: where those happen to be on one side
    alone, nothing in the other tells of them.
    """
    if not reference.error_bins or not current.error_bins:
        return 1.0
    ends = last_bins(reference.error_bins, current.error_bins)
    before: Mapping[Any, int] = by_range(reference.error_bins, ends)
    now: Mapping[Any, int] = by_range(current.error_bins, ends)
    return p_value(ordered_bins(before, now), sum(before.values()), sum(now.values()), is_ordered=True, measures=1)


def most_frequent(*counts: dict[str, int]) -> list[str]:
    """The labels that most predictions of both sides have."""
    pooled: Counter[str] = Counter()
    for one in counts:
        pooled.update(one)
    return list(most_frequent_first(pooled))[:MAX_LABELS]


def of_label(label: str) -> Measured:
    """The share of one label among the predictions that have one."""

    def interval(side: Sample, z: float) -> Interval | None:
        counts = side.metrics.label_distribution
        return of_share(counts.get(label, 0), sum(counts.values()), z)

    return Measured("label_share", lambda side: estimate(interval(side, 0.0)), interval, share_matters, label)


def set_counts(side: Sample) -> dict[str, int]:
    """How many predictions have each label, where they may have several."""
    labels = side.metrics.labels
    return {label: round(share * labels.predictions) for label, share in labels.shares.items()} if labels else {}


def of_set_label(label: str) -> Measured:
    """The share of predictions that have a label, where they may have several."""

    def interval(side: Sample, z: float) -> Interval | None:
        labels = side.metrics.labels
        return of_share(labels.shares.get(label, 0.0) * labels.predictions, labels.predictions, z) if labels else None

    return Measured("labels_share", lambda side: estimate(interval(side, 0.0)), interval, share_matters, label)


def estimate(interval: Interval | None) -> float | None:
    """The number itself."""
    return interval.estimate if interval else None
