"""Aggregates over a window of predictions."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Double, and_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import reading
from metrics_service.window import Window
from shared.database.tables.predictions import prediction

PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Numbers of one window; None where there is nothing to count."""

    total: int
    average_confidence: float | None
    average_inference_time_ms: float | None
    min_inference_time_ms: float | None
    max_inference_time_ms: float | None
    percentiles_ms: tuple[float | None, float | None, float | None]
    labels: dict[str, int]


async def aggregate(engine: AsyncEngine, window: Window, task_type: str | None, model_name: str | None) -> Aggregates:
    """Counts, averages, extremes and percentiles of the predictions that fit; one snapshot."""
    chosen = fits(window, task_type, model_name)
    labels = (
        select(prediction.c.prediction_label, func.count().label("n"))
        .where(chosen)
        .group_by("prediction_label")
        .subquery()
    )
    time = prediction.c.inference_time_ms
    fractions = cast(array(PERCENTILES), ARRAY(Double))
    query = select(
        func.count(),
        func.avg(prediction.c.confidence),
        func.avg(time),
        func.min(time),
        func.max(time),
        func.percentile_cont(fractions).within_group(time),
        select(func.jsonb_object_agg(labels.c.prediction_label, labels.c.n)).scalar_subquery(),
    ).where(chosen)
    async with reading(engine) as connection:
        total, confidence, average, fastest, slowest, percentiles, counts = (await connection.execute(query)).one()
    return Aggregates(total, confidence, average, fastest, slowest, tuple(percentiles or (None,) * 3), counts or {})


async def count(engine: AsyncEngine) -> int:
    """The number of predictions on record."""
    async with reading(engine) as connection:
        return await connection.scalar(select(func.count()).select_from(prediction)) or 0


def fits(window: Window, task_type: str | None, model_name: str | None) -> ColumnElement[bool]:
    """The predictions that a question is about."""
    chosen = and_(prediction.c.created_at >= window.start, prediction.c.created_at < window.end)
    if task_type is not None:
        chosen &= prediction.c.task_type == task_type
    if model_name is not None:
        chosen &= prediction.c.model_name == model_name
    return chosen
