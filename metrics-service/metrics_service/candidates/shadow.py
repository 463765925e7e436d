"""From the counted pairs of a shadow to what clients read; pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from metrics_service.candidates.contracts import Confusion, Disagreement, Distances, Estimate, Pair, ShadowReport
from metrics_service.drift.value_ranges import by_range, last_bins, range_names
from metrics_service.reports.compared import Property, measure
from metrics_service.side_by_side.intervals import Interval, deviations, of_average, of_share
from metrics_service.windows.shapes import confidence_range
from shared.contracts.drift import DriftMeasure

CHANCE = 0.05
"""Of an interval that does not hold the truth."""

MOST_CONFUSIONS = 100

Z = deviations(CHANCE)
Sides = dict[str, dict[Any, int]]


def shadow_report(row: Mapping[str, Any]) -> ShadowReport:
    """The report; `row` is that of shadow.sql."""
    confusion = [Confusion(**one) for one in orjson.loads(row["confusion"])]
    return ShadowReport(
        requests=row["requests"],
        since=row["since"],
        until=row["until"],
        errors=share(row["errors"], row["requests"]),
        agreement=share(row["agreeing"], row["judged"]),
        confusion=confusion[:MOST_CONFUSIONS],
        distance=distances(row),
        confidence=pair(row["stable_confidence"], row["confidence"], row["surer_variance"], row["confident"]),
        inference_time_ms=pair(row["stable_time_ms"], row["time_ms"], row["slower_variance"], row["timed"]),
        drift=drift(labels_of(confusion), sides(row["confidences"]), sides(row["values"])),
        disagreements=[Disagreement(**one) for one in orjson.loads(row["disagreements"])],
    )


def share(part: int, whole: int) -> Estimate | None:
    """A share with its interval; None of nothing."""
    return estimate(of_share(part, whole, Z))


def estimate(interval: Interval | None) -> Estimate | None:
    """As clients see it."""
    return None if interval is None else Estimate(value=interval.estimate, low=interval.low, high=interval.high)


def average(value: float, variance: float | None, number: int) -> Estimate:
    """An average with its interval, if there are enough for one."""
    return estimate(of_average(value, variance or 0.0, number, Z)) or Estimate(value=value)


def distances(row: Mapping[str, Any]) -> Distances | None:
    """None where the task has none, or nothing was computed."""
    if not row["distances"]:
        return None
    p50, p95 = row["distance_quantiles"]
    mean = average(row["distance"], row["distance_variance"], row["distances"])
    return Distances(average=mean, p50=p50, p95=p95, largest=row["largest"])


def pair(stable: float | None, candidate: float | None, variance: float | None, number: int) -> Pair | None:
    """Two averages over the same requests; None where there are none. `variance`: of the differences."""
    if stable is None or candidate is None:
        return None
    return Pair(stable=stable, candidate=candidate, difference=average(candidate - stable, variance, number))


def labels_of(confusion: Iterable[Confusion]) -> Sides:
    """How often each side said each label."""
    counts: Sides = {"stable": {}, "candidate": {}}
    for one in confusion:
        for side, label in (("stable", one.stable), ("candidate", one.candidate)):
            if label is not None:
                counts[side][label] = counts[side].get(label, 0) + one.predictions
    return counts


def sides(counted: str) -> Sides:
    """Bins of both sides, with how often each was counted."""
    counts: Sides = {"stable": {}, "candidate": {}}
    for side, key, number in orjson.loads(counted):
        counts[side][key] = number
    return counts


def drift(labels: Sides, confidences: Sides, values: Sides) -> list[DriftMeasure]:
    """What the candidate says held against what the stable version does, property by property."""
    ends = last_bins(values["stable"], values["candidate"])
    properties = [
        Property("label", labels["stable"], labels["candidate"]),
        Property("confidence", confidences["stable"], confidences["candidate"], confidence_range, is_ordered=True),
        Property(
            "value",
            by_range(values["stable"], ends),
            by_range(values["candidate"], ends),
            range_names(ends).__getitem__,
            is_ordered=True,
        ),
    ]
    there = [each for each in properties if each.reference or each.current]
    return [measure(each, len(there)) for each in there]
