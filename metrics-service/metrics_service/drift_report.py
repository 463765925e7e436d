"""Compares what was predicted in a window with what was predicted in a reference window."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import reading
from metrics_service.drift import Counts, compare, worst
from metrics_service.kept import Kept
from metrics_service.rollups import Selection, over_selection, parameters_of
from shared.contracts.metrics import DriftMeasure, DriftQuery, DriftReport

CONFIDENCE_STEPS = 20
LENGTH_BIN_ZERO = 100
"""Of the shape histogram's bins: those below are twentieths of confidence, those from here powers of two of length."""

SHAPES = over_selection("""
    , end_cell AS MATERIALIZED (
        SELECT prediction_label, metrics.confidence_bin(confidence) AS confidence_bin,
            metrics.length_bin(input_length) AS length_bin, count(*) AS n
        FROM ends GROUP BY 1, 2, 3
    ), label AS (
        SELECT prediction_label, sum(n)::bigint AS n FROM (
            SELECT prediction_label, predictions FROM buckets
            UNION ALL SELECT prediction_label, n FROM end_cell
        ) AS counted (prediction_label, n) GROUP BY prediction_label
    ), cell AS (
        SELECT bin, sum(n)::bigint AS n FROM (
            SELECT unnest(shape_bins) AS bin, unnest(shape_counts) AS n FROM buckets
            UNION ALL SELECT confidence_bin, n FROM end_cell
            UNION ALL SELECT length_bin, n FROM end_cell
        ) AS counted GROUP BY bin
    )
    SELECT (SELECT array_agg(prediction_label) FROM label) AS labels, (SELECT array_agg(n) FROM label) AS label_counts,
        (SELECT array_agg(bin) FROM cell) AS bins, (SELECT array_agg(n) FROM cell) AS bin_counts
""")

Name = Literal["label", "confidence", "input_length"]


@dataclass(frozen=True, slots=True)
class Shapes:
    """How the predictions of a window are distributed."""

    label: Counts
    confidence: Counts
    input_length: Counts

    @property
    def sample_size(self) -> int:
        """The number of predictions."""
        return sum(self.label.values())


@dataclass(frozen=True, slots=True)
class DriftReporter:
    """Answers what has changed. Postgres away: DatabaseAway."""

    engine: AsyncEngine
    kept: Kept

    async def report(self, query: DriftQuery) -> DriftReport:
        """Labels, confidence and input length of the window against those of the reference window."""
        window = self.kept.with_rows(query.window_end, query.time_window_minutes)
        reference_minutes = query.reference_window_minutes or query.time_window_minutes
        reference_window = self.kept.with_rows(query.reference_window_end or window.start, reference_minutes)
        reference, current = await asyncio.gather(
            self.shapes(Selection(reference_window, query.task_type, query.model_name)),
            self.shapes(Selection(window, query.task_type, query.model_name)),
        )
        measures = [measure(name, reference, current) for name in ("label", "confidence", "input_length")]
        return DriftReport(
            status=worst(found.status for found in measures),
            measures=measures,
            sample_size=current.sample_size,
            reference_sample_size=reference.sample_size,
            task_type=query.task_type,
            model_name=query.model_name,
            time_window_start=window.start,
            time_window_end=window.end,
            reference_window_start=reference_window.start,
            reference_window_end=reference_window.end,
        )

    async def shapes(self, selection: Selection) -> Shapes:
        """The distributions of one window."""
        async with reading(self.engine) as connection:
            row = (await connection.execute(SHAPES, parameters_of(selection))).one()
        bins = dict(zip(row.bins or (), row.bin_counts or (), strict=True))
        return Shapes(
            label=dict(zip(row.labels or (), row.label_counts or (), strict=True)),
            confidence={confidence_range(key): n for key, n in sorted(bins.items()) if key < LENGTH_BIN_ZERO},
            input_length={length_range(key): n for key, n in sorted(bins.items()) if key >= LENGTH_BIN_ZERO},
        )


def measure(name: Name, reference: Shapes, current: Shapes) -> DriftMeasure:
    """One property compared."""
    before: Counts = getattr(reference, name)
    now: Counts = getattr(current, name)
    return DriftMeasure(name=name, **asdict(compare(before, now)), reference=shares(before), current=shares(now))


def shares(counts: Counts) -> dict[str, float]:
    """Counts as parts of one."""
    total = sum(counts.values())
    return {str(key): n / total for key, n in counts.items()}


def confidence_range(confidence_bin: int) -> str:
    """`0.55-0.60`."""
    return f"{confidence_bin / CONFIDENCE_STEPS:.2f}-{(confidence_bin + 1) / CONFIDENCE_STEPS:.2f}"


def length_range(length_bin: int) -> str:
    """`64-127` characters."""
    power = length_bin - LENGTH_BIN_ZERO
    return "0" if power == 0 else f"{2 ** (power - 1)}-{2**power - 1}"
