"""Aggregates over a window of predictions."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import autocommit
from metrics_service.sql import statement
from metrics_service.windows.histogram import quantiles
from metrics_service.windows.rollups import Selection, over_selection, parameters_of
from shared.contracts.aggregates import VersionMetrics

PERCENTILES = (0.5, 0.95, 0.99)

MAX_VERSIONS = 100
"""Versions that a response shows one by one; more are in its sums only."""

AGGREGATE = over_selection("aggregate")

COUNT = statement("total_predictions")


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Numbers of one window; all None where there is nothing to count."""

    total_predictions: int = 0
    average_confidence: float | None = None
    average_inference_time_ms: float | None = None
    min_inference_time_ms: float | None = None
    max_inference_time_ms: float | None = None
    p50_inference_time_ms: float | None = None
    p95_inference_time_ms: float | None = None
    p99_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = field(default_factory=dict)


async def aggregate(engine: AsyncEngine, selection: Selection) -> Aggregates:
    """Counts, averages, extremes: exact. Percentiles: within 1 %."""
    return (await aggregate_by_version(engine, selection))[0]


async def aggregate_by_version(engine: AsyncEngine, selection: Selection) -> tuple[Aggregates, list[VersionMetrics]]:
    """The aggregates, and what each version did, the busiest first; of one snapshot."""
    async with autocommit(engine) as connection:
        row = (await connection.execute(AGGREGATE, parameters_of(selection))).one()
    if not row.labels:
        return Aggregates(), []
    versions = sorted(versions_of(row), key=lambda version: -version.total_predictions)
    return summary(row), versions[:MAX_VERSIONS]


def summary(row: Row[Any]) -> Aggregates:
    """What sums, extremes, labels and a histogram say about the predictions that they count."""
    labels: Counter[str] = Counter()
    for label, predictions in zip(row.labels, row.label_counts, strict=True):
        labels[label] += predictions
    histogram = dict(zip(row.bins, row.bin_counts, strict=True))
    total = labels.total()
    p50, p95, p99 = quantiles(histogram, PERCENTILES, row.time_min, row.time_max)
    return Aggregates(
        total_predictions=total,
        average_confidence=row.confidence_sum / total,
        average_inference_time_ms=row.time_sum / total,
        min_inference_time_ms=row.time_min,
        max_inference_time_ms=row.time_max,
        p50_inference_time_ms=p50,
        p95_inference_time_ms=p95,
        p99_inference_time_ms=p99,
        label_distribution=dict(labels),
    )


def versions_of(row: Row[Any]) -> Iterator[VersionMetrics]:
    """The numbers of each version, from those of each version and label."""
    parts: defaultdict[tuple[str, str], list[tuple[str, int, float, float]]] = defaultdict(list)
    columns = (row.names, row.versions, row.labels, row.label_counts, row.confidence_sums, row.time_sums)
    for name, version, *part in zip(*columns, strict=True):
        parts[name, version].append(tuple(part))
    for (name, version), series in sorted(parts.items()):
        total = sum(predictions for _, predictions, _, _ in series)
        yield VersionMetrics(
            model_name=name,
            model_version=version,
            total_predictions=total,
            average_confidence=sum(confidence for _, _, confidence, _ in series) / total,
            average_inference_time_ms=sum(time for _, _, _, time in series) / total,
            label_distribution={label: predictions for label, predictions, _, _ in series},
        )


async def count(engine: AsyncEngine) -> int:
    """The number of predictions ever recorded: a sum over days."""
    async with autocommit(engine) as connection:
        return await connection.scalar(COUNT) or 0
