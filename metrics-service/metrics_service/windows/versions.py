"""How the times and values of each version are distributed, where a model has several.

Asked for only then, a moment after the aggregates and in a snapshot of their own: where each model has one version, its
distribution is that of the window, or can be asked for by its name.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from metrics_service.windows.histogram import quantiles
from metrics_service.windows.rollups import Selection, over_selection, parameters_of
from metrics_service.windows.values import value_metrics
from shared.contracts.aggregates import VersionMetrics

PERCENTILES = (0.5, 0.95, 0.99)

TIMES = over_selection("version_times")

VALUES = over_selection("version_values", rollup="value_rollup")


async def with_distributions(
    connection: AsyncConnection, selection: Selection, versions: Sequence[VersionMetrics]
) -> list[VersionMetrics]:
    """The same versions, with percentiles of those that are not the only one of their model."""
    rivals = rivals_of(versions)
    if not rivals:
        return list(versions)
    times = by_version((await connection.execute(TIMES, parameters_of(selection))).all())
    has_values = any(one.average_value is not None for one in versions)
    values = by_version((await connection.execute(VALUES, parameters_of(selection))).all()) if has_values else {}
    return [
        with_percentiles(one, times.get(key_of(one)), values.get(key_of(one))) if one.model_name in rivals else one
        for one in versions
    ]


Key = tuple[str, str]
"""Model and version."""


def rivals_of(versions: Iterable[VersionMetrics]) -> set[str]:
    """The models that have several versions."""
    counts = Counter(one.model_name for one in versions)
    return {name for name, number in counts.items() if number > 1}


def key_of(version: VersionMetrics) -> Key:
    """What tells it from others."""
    return version.model_name, version.model_version


def by_version(rows: Sequence[Row[Any]]) -> dict[Key, Row[Any]]:
    """Rows by their version."""
    return {(row.model_name, row.model_version): row for row in rows}


def with_percentiles(version: VersionMetrics, times: Row[Any] | None, values: Row[Any] | None) -> VersionMetrics:
    """A version with what its histograms say; None: there is none."""
    found: dict[str, Any] = {}
    if times is not None:
        histogram = dict(zip(times.bins, times.bin_counts, strict=True))
        names = (f"p{round(100 * part)}_inference_time_ms" for part in PERCENTILES)
        found = dict(zip(names, quantiles(histogram, PERCENTILES, times.low, times.high), strict=True))
    if values is not None:
        found["values"] = value_metrics(values)
    return version.model_copy(update=found)
