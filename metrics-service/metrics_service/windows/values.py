"""What values and sets of labels in a window came to.

All are asked for only where a task can have them, a moment after the aggregates and in a snapshot of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from metrics_service.windows.errors import value_errors
from metrics_service.windows.histogram import quantiles, signed_value_of
from metrics_service.windows.rollups import Selection, over_selection, parameters_of
from shared.contracts.baseline import LabelSets
from shared.contracts.values import ErrorMetrics, LabelMetrics, ValueMetrics

PERCENTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}

VALUES = over_selection("values", rollup="value_rollup")

LABEL_SETS = over_selection("label_sets", rollup="label_rollup")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What there is besides single labels; `average_values`: by model and version."""

    values: ValueMetrics | None = None
    labels: LabelMetrics | None = None
    errors: ErrorMetrics | None = None
    average_values: dict[tuple[str, str], float] = field(default_factory=dict)


async def outcomes(connection: AsyncConnection, selection: Selection) -> Outcomes:
    """Values, their errors and sets of labels of a window."""
    parameters = parameters_of(selection)
    values = (await connection.execute(VALUES, parameters)).one()
    labels = (await connection.execute(LABEL_SETS, parameters)).one()
    errors = await value_errors(connection, selection) if values.predictions else None
    return Outcomes(value_metrics(values), label_metrics(labels), errors, dict(averages(values)))


async def value_bins(connection: AsyncConnection, selection: Selection) -> dict[int, int]:
    """How the values of a window are distributed: predictions per logarithmic bin."""
    row = (await connection.execute(VALUES, parameters_of(selection))).one()
    return dict(zip(row.bins or (), row.bin_counts or (), strict=True))


async def label_sets(connection: AsyncConnection, selection: Selection) -> LabelSets | None:
    """How many predictions of a window have each label, of those that may have several; None of none."""
    row = (await connection.execute(LABEL_SETS, parameters_of(selection))).one()
    if not row.predictions:
        return None
    return LabelSets(predictions=row.predictions, counts=dict(zip(row.names or (), row.counts or (), strict=True)))


def averages(row: Row[Any]) -> Iterator[tuple[tuple[str, str], float]]:
    """The average value of each version."""
    columns = (row.names or (), row.versions or (), row.sums or (), row.counts or ())
    for name, version, total, predictions in zip(*columns, strict=True):
        yield (name, version), total / predictions


def value_metrics(row: Row[Any]) -> ValueMetrics | None:
    """What sums, extremes and a histogram say about values; None of none."""
    if not row.predictions:
        return None
    histogram = dict(zip(row.bins, row.bin_counts, strict=True))
    found = quantiles(histogram, tuple(PERCENTILES.values()), row.value_min, row.value_max, signed_value_of)
    return ValueMetrics(
        predictions=row.predictions,
        sum=row.value_sum,
        average=row.value_sum / row.predictions,
        min=row.value_min,
        max=row.value_max,
        **dict(zip(PERCENTILES, found, strict=True)),
    )


def label_metrics(row: Row[Any]) -> LabelMetrics | None:
    """What counts say about sets of labels, the most frequent one first; None of none."""
    if not row.predictions:
        return None
    counts = sorted(zip(row.names or (), row.counts or (), strict=True), key=lambda one: (-one[1], one[0]))
    return LabelMetrics(
        predictions=row.predictions,
        average_labels=sum(n for _, n in counts) / row.predictions,
        shares={name: n / row.predictions for name, n in counts},
    )
