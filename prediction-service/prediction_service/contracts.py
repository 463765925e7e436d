"""Bodies of the prediction API. Only this service and its clients know them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.metrics import ModelName

MAX_TEXT_CHARACTERS = 10_000
MAX_BATCH_TEXTS = 256


def not_blank(text: str) -> str:
    """Raises ValueError for a text of white space only."""
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Text = Annotated[
    str,
    Field(min_length=1, max_length=MAX_TEXT_CHARACTERS, examples=["What a wonderful little server!"]),
    AfterValidator(not_blank),
]
"""1 to 10,000 characters, not all of them white space."""


class PredictionOptions(BaseModel):
    """What a request for one or many predictions may say besides the text."""

    model_config = ConfigDict(protected_namespaces=())

    include_metrics: bool = Field(True, description="Repeat in `metric` what was recorded")
    model_name: ModelName | None = Field(None, description="null: the default model")
    task_type: str = Field("classification", max_length=50, description="What the model must be able to do")


class PredictRequest(PredictionOptions):
    """One text."""

    text: Text


class BatchRequest(PredictionOptions):
    """Up to 256 texts, answered in order."""

    texts: list[Text] = Field(min_length=1, max_length=MAX_BATCH_TEXTS)


class PredictionMetric(BaseModel):
    """What was recorded about a prediction."""

    model_config = ConfigDict(protected_namespaces=())

    prediction_id: UUID
    prediction_label: str
    task_type: str
    model_name: str
    model_version: str
    confidence: float
    inference_time_ms: float
    input_length: int
    timestamp: datetime
    metrics_data: dict[str, Any]


class Prediction(BaseModel):
    """One answer."""

    model_config = ConfigDict(protected_namespaces=())

    prediction_id: UUID = Field(description="UUID version 7: sorts by time")
    prediction_label: str
    task_type: str
    model_name: str
    model_version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    confidence: float = Field(ge=0, le=1, description="Probability that the model gives to the label")
    inference_time_ms: float = Field(description="Time of the model's run in which this was computed, in milliseconds")
    timestamp: datetime = Field(description="When it was predicted, in UTC")
    metric: PredictionMetric | None = None
    raw_output: dict[str, Any] | None = Field(None, description="Classification: {scores: {label: probability}}")


class BatchResponse(BaseModel):
    """One prediction per text, in order."""

    predictions: list[Prediction]


class ModelInfo(BaseModel):
    """A model that is loaded."""

    name: str
    version: str
    task_type: str
    labels: list[str]
    runtime: str
    source: str | None = None
    default: bool = Field(description="Whether requests that name no model get this one")


class SkippedModel(BaseModel):
    """A folder that could not be loaded, and why."""

    folder: str
    reason: str


class ModelsResponse(BaseModel):
    """What the model repository holds."""

    models: list[ModelInfo]
    skipped: list[SkippedModel] = []
