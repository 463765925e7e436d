"""How far values in a window were from what they should have been.

Their sums come at a cost that the judgements do not change; how they are distributed is counted from judgements, as
the accuracy of labels is.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import DateTime

from metrics_service.sql import statement
from metrics_service.windows.rollups import CHOICE, Selection, choice_of, over_selection, parameters_of
from shared.contracts.values import ErrorFigures, ErrorMetrics

ERRORS = over_selection("errors", rollup="error_rollup")

ERROR_BINS = statement(
    "error_bins",
    *CHOICE,
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
)


async def value_errors(connection: AsyncConnection, selection: Selection) -> ErrorMetrics | None:
    """The errors of a window; None where nobody said what a value should have been."""
    return error_metrics((await connection.execute(ERRORS, parameters_of(selection))).all())


async def error_bins(connection: AsyncConnection, selection: Selection) -> dict[int, int]:
    """Judgements with the admin token per logarithmic bin of the error; anyone can claim an error of any size."""
    window = {"start": selection.window.start, "end": selection.window.end}
    rows = (await connection.execute(ERROR_BINS, {**window, **choice_of(selection)})).all()
    return {row.bin: row.n for row in rows}


def error_metrics(rows: Iterable[Row[Any]]) -> ErrorMetrics | None:
    """The same from rows for all judgements (`is_trusted` None), trusted ones and others."""
    found = {row.is_trusted: {"judged": row.judged, "mae": row.mae, "rmse": row.rmse} for row in rows}
    if None not in found:
        return None
    trusted = ErrorFigures(**found[True]) if True in found else None
    return ErrorMetrics(**found[None], trusted=trusted)
