"""Predictions on record, as clients see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class FeedbackOnRecord(BaseModel):
    """What somebody said that the prediction should have been."""

    actual_label: str | None = Field(description="null: a value or a set of labels was judged")
    actual_value: float | None = Field(None, description="Of a regression: the value that would have been right")
    actual_labels: list[str] | None = Field(
        None, description="Of a multilabel model, where a set was judged: all labels that would have been right"
    )
    given_at: datetime
    is_trusted: bool = Field(description="Whether it came with the admin token")
    key_id: UUID | None = Field(None, description="Of the key it came with")


class RecordedPrediction(BaseModel):
    """One prediction as it is on record."""

    model_config = ConfigDict(protected_namespaces=())

    prediction_id: UUID
    timestamp: datetime
    model_name: str
    model_version: str
    task_type: str
    prediction_label: str | None = Field(description="null: the task has none, or none was sure enough")
    labels: list[str] | None = Field(description="Of a multilabel model: all that were sure enough")
    confidence: float | None = Field(description="null: the model has none")
    prediction_value: float | None = Field(description="Of a regression its value, of an embedding its norm")
    inference_time_ms: float
    input_length: int
    metrics_data: dict[str, Any]
    text: str | None = Field(description="Only where STORE_TEXT or STORE_INPUTS says so")
    inputs: dict[str, Any] | None = Field(description="Only where STORE_INPUTS says so")
    caller: str | None = Field(
        description="Digest of the key it came with, by its id, or else of the address; null: it came past the "
        "gateway, or before callers were recorded"
    )
    key_id: UUID | None = Field(
        None, description="Of the key it came with; null: with none, or before keys were recorded"
    )
    feedback: FeedbackOnRecord | None = None


class PredictionPage(BaseModel):
    """Some predictions, newest first."""

    predictions: list[RecordedPrediction]
    next_cursor: str | None = Field(
        description="For what comes after them; null: nothing does. A page may be short, even empty, before the end, "
        "when much had to be looked through: go on while there is a cursor"
    )


class Erased(BaseModel):
    """What was erased."""

    predictions: int = Field(description="0: none is on record. One that waits in a journal will not come")
    feedback: int = Field(description="Judgements of them")
    is_complete: bool = Field(description="false: there are more than one request can erase; the rest goes by itself")
