"""How far values in a window were from what they should have been, at a cost that the judgements do not change."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from metrics_service.windows.rollups import Selection, over_selection, parameters_of
from shared.contracts.values import ErrorFigures, ErrorMetrics

ERRORS = over_selection("errors", rollup="error_rollup")


async def value_errors(connection: AsyncConnection, selection: Selection) -> ErrorMetrics | None:
    """The errors of a window; None where nobody said what a value should have been."""
    return error_metrics((await connection.execute(ERRORS, parameters_of(selection))).all())


def error_metrics(rows: Iterable[Row[Any]]) -> ErrorMetrics | None:
    """The same from rows for all judgements (`is_trusted` None), trusted ones and others."""
    found = {row.is_trusted: {"judged": row.judged, "mae": row.mae, "rmse": row.rmse} for row in rows}
    if None not in found:
        return None
    trusted = ErrorFigures(**found[True]) if True in found else None
    return ErrorMetrics(**found[None], trusted=trusted)
