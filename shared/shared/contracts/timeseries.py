"""A chart: the predictions of a window in equal buckets."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.names import ModelName, ModelVersion, TaskType
from shared.contracts.values import ErrorMetrics, LabelMetrics, ValueMetrics
from shared.contracts.window import WindowEnd

MAX_TIMESERIES_BUCKETS = 1500
"""More than a chart can show."""


class TimeseriesQuery(BaseModel):
    """Which predictions a chart shows, and how finely."""

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        json_schema_extra={"examples": [{"time_window_minutes": 60, "bucket_minutes": 5}]},
    )

    time_window_minutes: int = Field(60, ge=1, le=44_640, description="Length of the window, in minutes")
    bucket_minutes: Literal[1, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440] = Field(
        5, description="Width of a bucket; buckets begin at whole widths of UTC"
    )
    window_end: WindowEnd | None = Field(None, description="When the window ends; null: now")
    task_type: TaskType | None = None
    model_name: ModelName | None = None
    model_version: ModelVersion | None = None

    @model_validator(mode="after")
    def buckets_are_not_too_many(self) -> Self:
        """Raises ValueError for more buckets than a response may have."""
        if self.time_window_minutes > self.bucket_minutes * MAX_TIMESERIES_BUCKETS:
            raise ValueError(f"time_window_minutes holds more than {MAX_TIMESERIES_BUCKETS} times bucket_minutes")
        return self


class TimeseriesBucket(BaseModel):
    """One stretch of a chart; without predictions it has count 0 and nulls."""

    start: datetime
    total_predictions: int = 0
    average_confidence: float | None = None
    average_inference_time_ms: float | None = None
    min_inference_time_ms: float | None = None
    max_inference_time_ms: float | None = None
    p50_inference_time_ms: float | None = None
    p95_inference_time_ms: float | None = None
    p99_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = {}
    values: ValueMetrics | None = Field(None, description="null: no prediction has a value")
    labels: LabelMetrics | None = Field(None, description="null: no prediction is of a multilabel model")
    errors: ErrorMetrics | None = Field(None, description="null: of no value somebody said what it should have been")


class Timeseries(BaseModel):
    """Buckets without gaps, oldest first. They are whole: the first and the last reach beyond the window."""

    model_config = ConfigDict(protected_namespaces=())

    bucket_minutes: int
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    time_window_start: datetime = Field(description="When the first bucket begins")
    time_window_end: datetime = Field(description="When the last bucket ends; it may still be filling")
    buckets: list[TimeseriesBucket]
