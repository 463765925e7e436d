"""Reads how the predictions of a selection are distributed."""

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import autocommit
from metrics_service.windows.inputs import input_counts
from metrics_service.windows.rollups import NO_LABEL, Selection, over_selection, parameters_of
from metrics_service.windows.shapes import LENGTH_BIN_ZERO, Shapes, total_by
from metrics_service.windows.values import label_sets, value_bins

SHAPES = over_selection("shapes")


async def distributions(engine: AsyncEngine, selection: Selection) -> Shapes:
    """How what predictions have is distributed in one window. Without Postgres: DatabaseUnavailable.

    Values, sets of labels and inputs are read a moment later, in snapshots of their own.
    """
    async with autocommit(engine) as connection:
        row = (await connection.execute(SHAPES, parameters_of(selection))).one()
        value = await value_bins(connection, selection) if NO_LABEL in (row.labels or ()) else {}
        labels = await label_sets(connection, selection) if row.has_sets else None
        inputs = await input_counts(connection, selection)
    series = list(zip(row.versions or (), row.labels or (), row.counts or (), strict=True))
    bins = dict(zip(row.bins or (), row.bin_counts or (), strict=True))
    return Shapes(
        label=total_by((label, n) for _, label, n in series if label != NO_LABEL),
        confidence={key: n for key, n in bins.items() if key < LENGTH_BIN_ZERO},
        input_length={key: n for key, n in bins.items() if key >= LENGTH_BIN_ZERO},
        versions=total_by((version, n) for version, _, n in series),
        value=value,
        labels=labels,
        inputs=inputs,
    )
