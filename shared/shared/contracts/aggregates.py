"""What the predictions of a window came to; asked for by clients and by the analytics-service."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.names import ModelName, ModelVersion, TaskType
from shared.contracts.thresholds import Breach, Status
from shared.contracts.values import ErrorMetrics, LabelMetrics, ValueMetrics
from shared.contracts.window import WindowEnd


class MetricsQuery(BaseModel):
    """Which predictions to look at: a window of minutes, optionally of one task, one model or one version.

    A window includes its start and not its end, so the window before an answer's is asked for exactly by passing its
    `time_window_start` as `window_end`: no prediction is in both and none is between them.
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), json_schema_extra={"examples": [{"time_window_minutes": 60}]}
    )

    time_window_minutes: int = Field(60, ge=1, le=1440, description="Length of the window, in minutes")
    window_end: WindowEnd | None = Field(None, description="When the window ends; null: now")
    task_type: TaskType | None = None
    model_name: ModelName | None = None
    model_version: ModelVersion | None = None


def is_none(value: object) -> bool:
    """What is left out of a response."""
    return value is None


OF_SEVERAL = "Only where several versions of its model are in the window"

OfSeveral = Annotated[float | None, Field(description=OF_SEVERAL, exclude_if=is_none)]


class VersionMetrics(BaseModel):
    """What one version of one model did in the window."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    total_predictions: int
    average_confidence: float | None = Field(None, description="Over the predictions that have one")
    average_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = {}
    average_value: float | None = Field(None, description="null: no prediction has a value")
    p50_inference_time_ms: OfSeveral = None
    p95_inference_time_ms: OfSeveral = None
    p99_inference_time_ms: OfSeveral = None
    values: ValueMetrics | None = Field(
        None, description=f"{OF_SEVERAL}, and its predictions have values", exclude_if=is_none
    )


class AggregatedMetrics(BaseModel):
    """Aggregates over one window. An empty window has count 0, nulls and status `normal`."""

    model_config = ConfigDict(protected_namespaces=())

    total_predictions: int
    average_confidence: float | None = Field(None, description="Over the predictions that have one")
    average_inference_time_ms: float | None = None
    min_inference_time_ms: float | None = None
    max_inference_time_ms: float | None = None
    p50_inference_time_ms: float | None = None
    p95_inference_time_ms: float | None = None
    p99_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = Field({}, description="A prediction without a label is in none")
    values: ValueMetrics | None = Field(None, description="null: no prediction has a value")
    labels: LabelMetrics | None = Field(None, description="null: no prediction is of a multilabel model")
    errors: ErrorMetrics | None = Field(None, description="null: of no value somebody said what it should have been")
    versions: list[VersionMetrics] = Field(
        [], description="The same by model and version, those with the most predictions first, at most 100"
    )
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    status: Status = Status.NORMAL
    breaches: list[Breach] = []
    time_window_start: datetime
    time_window_end: datetime
