"""What is to be reviewed, as clients see it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from metrics_service.predictions.contracts import RecordedPrediction


class Reason(StrEnum):
    """Why a prediction deserves a label; in this order they take turns."""

    DISAGREEMENT = "disagreement"
    LOW_CONFIDENCE = "low_confidence"
    RARE_LABEL = "rare_label"
    DRIFTING_LABEL = "drifting_label"
    DRIFTING_INPUT = "drifting_input"


class ReviewEntry(BaseModel):
    """A prediction that deserves a label, and why."""

    reason: Reason
    because: str = Field(description="The reason in words, with figures")
    prediction: RecordedPrediction


class LookedAt(BaseModel):
    """What was looked through."""

    predictions: int
    since: datetime = Field(description="For what is older, ask with this as `until`")
    until: datetime


class ReviewPage(BaseModel):
    """Predictions that deserve a label, those that most do first."""

    entries: list[ReviewEntry]
    next_cursor: str | None = Field(description="For those after them; null: there are none")
    looked_at: LookedAt
