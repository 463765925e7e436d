"""A window in buckets of one width, for a chart: whole buckets from the rollups, gaps as zero counts."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import DateTime

from metrics_service.database import autocommit
from metrics_service.sql import statement
from metrics_service.windows.aggregates import summary
from metrics_service.windows.errors import error_metrics
from metrics_service.windows.rollups import CHOICE, Selection, choice_of
from metrics_service.windows.values import label_metrics, value_metrics
from metrics_service.windows.window import EPOCH, Window, ceil_to, floor_to
from shared.contracts.timeseries import TimeseriesBucket
from shared.database import rollup_widths

EDGES = (
    bindparam("epoch", EPOCH, type_=DateTime(timezone=True)),
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
)
BUCKETS = statement("timeseries", *EDGES, *CHOICE)
VALUES = statement("values_timeseries", *EDGES, *CHOICE)
ERRORS = statement("errors_timeseries", *EDGES, *CHOICE)
LABEL_SETS = statement("label_sets_timeseries", *EDGES, *CHOICE)


async def timeseries(engine: AsyncEngine, selection: Selection, bucket_minutes: int) -> list[TimeseriesBucket]:
    """Every bucket that the window touches, oldest first."""
    window = whole(selection.window, bucket_minutes)
    parameters = {
        "width": bucket_minutes,
        "minutes": width_for(bucket_minutes),
        "start": window.start,
        "end": window.end,
        **choice_of(selection),
    }
    async with autocommit(engine) as connection:
        rows = (await connection.execute(BUCKETS, parameters)).all()
        summaries = {row.start: summary(row) for row in rows}
        if any(row.has_other_tasks for row in rows):
            values = {row.start: value_metrics(row) for row in await connection.execute(VALUES, parameters)}
            labels = {row.start: label_metrics(row) for row in await connection.execute(LABEL_SETS, parameters)}
            errors = defaultdict[datetime, list[Row[Any]]](list)
            for row in await connection.execute(ERRORS, parameters):
                errors[row.start].append(row)
            for start, found in summaries.items():
                summaries[start] = replace(
                    found,
                    values=values.get(start),
                    labels=labels.get(start),
                    errors=error_metrics(errors.get(start, ())),
                )
    return [
        TimeseriesBucket(start=start, **(asdict(summaries[start]) if start in summaries else {}))
        for start in starts(window, bucket_minutes)
    ]


def whole(window: Window, bucket_minutes: int) -> Window:
    """The window, widened to edges of buckets."""
    return Window(floor_to(bucket_minutes, window.start), ceil_to(bucket_minutes, window.end))


def starts(window: Window, bucket_minutes: int) -> Iterator[datetime]:
    """When each bucket of the window begins."""
    start = window.start
    while start < window.end:
        yield start
        start += timedelta(minutes=bucket_minutes)


def width_for(bucket_minutes: int) -> int:
    """The widest rollup of which a whole number fits into a bucket."""
    return max(minutes for minutes in rollup_widths.WIDTHS if bucket_minutes % minutes == 0)
