"""What predictions should have been, and how good they were by that; the arithmetic is pure.

Postgres away: DatabaseAway.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import changing, reading
from metrics_service.rollups import Selection
from shared.database.tables.metrics import feedback
from shared.runtime.problems import Problem

GIVE = text("""
    INSERT INTO metrics.feedback AS known (
        prediction_id, predicted_at, model_name, model_version, task_type, prediction_label, actual_label
    )
    SELECT prediction_id, created_at, model_name, model_version, task_type, prediction_label, :actual_label
    FROM predictions.prediction WHERE prediction_id = :prediction_id
    ON CONFLICT (prediction_id) DO UPDATE SET actual_label = excluded.actual_label, given_at = now()
    RETURNING prediction_id, prediction_label, actual_label, given_at
""")

Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
"""Any printable text: labels belong to the models."""


class UnknownPrediction(Problem):
    """No prediction of that id is on record, or no longer."""

    status = 404
    type = "urn:problem-type:unknown-prediction"
    title = "Unknown Prediction"


class Feedback(BaseModel):
    """What a prediction should have been."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: UUID
    label: Label = Field(description="The label that would have been right", examples=["negative"])


class RecordedFeedback(BaseModel):
    """What is on record about a prediction now."""

    prediction_id: UUID
    prediction_label: str
    actual_label: str
    given_at: datetime


class LabelQuality(BaseModel):
    """How well one label is recognized."""

    label: str
    predicted: int = Field(description="How often it was predicted")
    actual: int = Field(description="How often it would have been right")
    precision: float | None = Field(description="Share of its predictions that were right; null: never predicted")
    recall: float | None = Field(description="Share of its occurrences that were predicted; null: never occurred")


class Quality(BaseModel):
    """How good the predictions of a window were, as far as there is feedback."""

    model_config = ConfigDict(protected_namespaces=())

    feedback_count: int
    accuracy: float | None = Field(description="Share of right predictions; null without feedback")
    labels: list[LabelQuality]
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    time_window_start: datetime
    time_window_end: datetime


@dataclass(frozen=True, slots=True)
class FeedbackStore:
    """Takes feedback, the last word wins, and says what it amounts to."""

    engine: AsyncEngine

    async def give(self, given: Feedback) -> RecordedFeedback:
        """Records what a prediction should have been. Raises UnknownPrediction."""
        values = {"prediction_id": given.prediction_id, "actual_label": given.label}
        async with changing(self.engine) as connection:
            row = (await connection.execute(GIVE, values)).mappings().one_or_none()
        if row is None:
            raise UnknownPrediction("No prediction of this id is on record, or it is not on record any more.")
        return RecordedFeedback(**row)

    async def quality(self, selection: Selection) -> Quality:
        """Accuracy, and precision and recall of each label, over predictions made in the window."""
        predicted, actual = feedback.c.prediction_label, feedback.c.actual_label
        window = selection.window
        query = select(predicted, actual, func.count()).group_by(predicted, actual)
        query = query.where(feedback.c.predicted_at >= window.start, feedback.c.predicted_at < window.end)
        if selection.task_type is not None:
            query = query.where(feedback.c.task_type == selection.task_type)
        if selection.model_name is not None:
            query = query.where(feedback.c.model_name == selection.model_name)
        if selection.model_version is not None:
            query = query.where(feedback.c.model_version == selection.model_version)
        async with reading(self.engine) as connection:
            pairs = {(was, should): n for was, should, n in await connection.execute(query)}
        return Quality(
            feedback_count=sum(pairs.values()),
            accuracy=accuracy(pairs),
            labels=label_qualities(pairs),
            task_type=selection.task_type,
            model_name=selection.model_name,
            model_version=selection.model_version,
            time_window_start=window.start,
            time_window_end=window.end,
        )


Pairs = Mapping[tuple[str, str], int]
"""How often a label (first) was predicted where another or the same (second) was right."""


def accuracy(pairs: Pairs) -> float | None:
    """The share of right predictions; None when there are none."""
    return ratio(sum(n for (was, should), n in pairs.items() if was == should), sum(pairs.values()))


def label_qualities(pairs: Pairs) -> list[LabelQuality]:
    """Precision and recall of each label, in alphabetical order."""
    predicted: Counter[str] = Counter()
    actual: Counter[str] = Counter()
    for (was, should), n in pairs.items():
        predicted[was] += n
        actual[should] += n
    return [
        LabelQuality(
            label=label,
            predicted=predicted[label],
            actual=actual[label],
            precision=ratio(pairs.get((label, label), 0), predicted[label]),
            recall=ratio(pairs.get((label, label), 0), actual[label]),
        )
        for label in sorted(predicted.keys() | actual.keys())
    ]


def ratio(part: int, whole: int) -> float | None:
    """A share, or None of nothing."""
    return part / whole if whole else None
