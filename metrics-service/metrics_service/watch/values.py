"""What is read of values: their average, and how far they are from what they should have been.

Neither is read unless the model has thresholds on it: nobody else knows what its values should be.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.alert import Signal
from metrics_service.alerts.rules import Reading
from metrics_service.database import autocommit
from metrics_service.thresholds.judge import SEVERITIES, error_limits, value_limits
from metrics_service.watch.scope import Watch
from metrics_service.windows.aggregates import Aggregates
from metrics_service.windows.errors import value_errors
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from shared.contracts.thresholds import Thresholds


def value_readings(measured: Aggregates, thresholds: Thresholds, margin: float) -> Iterator[Reading]:
    """At most one: the average value against the limits below it or above it, whichever it is nearer to trouble by."""
    if measured.values is None:
        return
    readings = [Reading(Signal.VALUE, measured.values.average, limits) for limits in value_limits(thresholds)]
    if readings:
        yield max(
            readings, key=lambda one: (SEVERITIES.index(one.severity()), SEVERITIES.index(one.against_limits(margin)))
        )


async def error_readings(
    engine: AsyncEngine, model_name: str, now: datetime, thresholds: Thresholds, watch: Watch
) -> list[Reading]:
    """At most one: the error by what was said with the admin token, if so much was; anyone can claim any error."""
    limits = error_limits(thresholds)
    if not limits:
        return []
    selection = Selection(Window.ending(now, watch.drift_window_minutes), model_name=model_name)
    async with autocommit(engine) as connection:
        errors = await value_errors(connection, selection)
    if errors is None or errors.trusted is None or errors.trusted.judged < watch.min_predictions:
        return []
    about = f"over {errors.trusted.judged} predictions that were judged with the admin token"
    return [Reading(Signal.ERROR, errors.trusted.mae, each, about=about) for each in limits]
