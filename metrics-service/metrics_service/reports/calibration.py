"""Whether confidence says how often predictions are right: judged ones by their confidence, in tenths.

The cost is bounded whatever feedback there is: of a window only the newest MOST judgements are looked at, with one look
into the record each. They count by weight, as they do for accuracy.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import DateTime, Double

from metrics_service.database import autocommit
from metrics_service.side_by_side.intervals import deviations, of_share
from metrics_service.sql import statement
from metrics_service.windows.rollups import CHOICE, Selection, choice_of

BINS = 10
"""Of equal width: the usual number, which leaves some judgements in each where there are hundreds."""

MOST = 10_000
"""Judgements that are looked at. With so many a share is known to within one percent."""

CHANCE = 0.05
"""That the truth lies outside of an interval."""

JUDGED = statement(
    "calibration",
    *CHOICE,
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
    bindparam("caller_limit", type_=Double),
    bins=BINS,
    most=MOST,
)


class CalibrationBin(BaseModel):
    """Judged predictions of one tenth of confidence."""

    low: float = Field(description="Confidence from here")
    high: float = Field(description="To here; the last bin includes 1")
    count: int = Field(description="Predictions that were judged")
    average_confidence: float | None = Field(description="By weight; null of nothing")
    accuracy: float | None = Field(description="Share of right ones, by weight; null of nothing")
    accuracy_low: float | None = Field(description="Where the true share lies (95 %): from here")
    accuracy_high: float | None = Field(description="To here")


class Calibration(BaseModel):
    """Whether confidence says how often predictions are right."""

    model_config = ConfigDict(protected_namespaces=())

    feedback_count: int = Field(description="Judged predictions that have a confidence")
    is_complete: bool = Field(description=f"false: there are more; these are among the newest {MOST:,} judgements")
    expected_calibration_error: float | None = Field(
        description="By how much accuracy and confidence differ, on average over bins by weight; null without feedback"
    )
    overconfidence: float | None = Field(
        description="Average confidence less accuracy: above 0 the model is too sure; null without feedback"
    )
    bins: list[CalibrationBin] = Field(description="Tenths of confidence, from 0 to 1")
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    time_window_start: datetime
    time_window_end: datetime


class Tenth(NamedTuple):
    """What was judged of one bin: how many, what they count for, and their confidence and right ones by weight."""

    number: int
    weight: float
    confidence: float
    right: float


async def calibration(engine: AsyncEngine, selection: Selection, caller_limit: int) -> Calibration:
    """Of the predictions made in a window. Without Postgres: DatabaseUnavailable."""
    parameters = {"start": selection.window.start, "end": selection.window.end, "caller_limit": caller_limit}
    async with autocommit(engine) as connection:
        rows = (await connection.execute(JUDGED, {**parameters, **choice_of(selection)})).all()
    tenths = {row.bin: Tenth(row.n, row.weight, row.confidence, row.right_weight) for row in rows}
    return Calibration(
        feedback_count=sum(tenth.number for tenth in tenths.values()),
        is_complete=all(row.judged < MOST for row in rows),
        expected_calibration_error=expected_calibration_error(tenths.values()),
        overconfidence=overconfidence(tenths.values()),
        bins=[calibration_bin(number, tenths.get(number)) for number in range(BINS)],
        task_type=selection.task_type,
        model_name=selection.model_name,
        model_version=selection.model_version,
        time_window_start=selection.window.start,
        time_window_end=selection.window.end,
    )


def calibration_bin(number: int, tenth: Tenth | None) -> CalibrationBin:
    """A bin as clients see it; None: nothing was judged."""
    share = of_share(tenth.right, tenth.weight, deviations(CHANCE)) if tenth else None
    return CalibrationBin(
        low=number / BINS,
        high=(number + 1) / BINS,
        count=tenth.number if tenth else 0,
        average_confidence=tenth.confidence / tenth.weight if tenth else None,
        accuracy=share.estimate if share else None,
        accuracy_low=share.low if share else None,
        accuracy_high=share.high if share else None,
    )


def expected_calibration_error(tenths: Iterable[Tenth]) -> float | None:
    """The average difference of confidence and accuracy over bins (Naeini et al., AAAI 2015), by weight."""
    counted = list(tenths)
    weight = sum(tenth.weight for tenth in counted)
    return sum(abs(tenth.confidence - tenth.right) for tenth in counted) / weight if weight else None


def overconfidence(tenths: Iterable[Tenth]) -> float | None:
    """Average confidence less accuracy, by weight; None of nothing."""
    counted = list(tenths)
    weight = sum(tenth.weight for tenth in counted)
    return sum(tenth.confidence - tenth.right for tenth in counted) / weight if weight else None
