"""Questions to the metrics-service and its answers; asked by clients and by the analytics-service."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

ModelName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), Field(examples=["sentiment"])
]
"""A folder name of the model repository: what can be a folder, a URL segment and a label everywhere."""

TaskType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
"""What a model does, such as `classification`."""

ModelVersion = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$")]
"""A version as it is on record: `X.Y.Z`."""

BaselineName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
"""What a pinned baseline is called."""

MODEL_BASELINE = "model"
"""The name under which the figures stand that a model's own folder brings (`baseline.json`)."""

EARLIEST_WINDOW_END = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_WINDOW_END = datetime(2200, 1, 1, tzinfo=UTC)
"""No prediction lies beyond these; they keep every window within what all calendars involved can count."""

WindowEnd = Annotated[AwareDatetime, Field(ge=EARLIEST_WINDOW_END, le=LATEST_WINDOW_END)]
"""When a window ends, itself no part of it; with a time zone."""


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


class Status(StrEnum):
    """The verdict of the thresholds, from best to worst."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"


class Breach(BaseModel):
    """One threshold that a measured value is beyond."""

    threshold: str = Field(description="Which threshold, e.g. `min_confidence_warning`")
    threshold_value: float
    measured_value: float


class VersionMetrics(BaseModel):
    """What one version of one model did in the window."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    total_predictions: int
    average_confidence: float | None = None
    average_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = {}


class AggregatedMetrics(BaseModel):
    """Aggregates over one window. An empty window has count 0, nulls and status `normal`."""

    model_config = ConfigDict(protected_namespaces=())

    total_predictions: int
    average_confidence: float | None = None
    average_inference_time_ms: float | None = None
    min_inference_time_ms: float | None = None
    max_inference_time_ms: float | None = None
    p50_inference_time_ms: float | None = None
    p95_inference_time_ms: float | None = None
    p99_inference_time_ms: float | None = None
    label_distribution: dict[str, int] = {}
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
        """Raises ValueError for more buckets than an answer may have."""
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


class DriftQuery(BaseModel):
    """Which window to compare with what: by default the hour until now with the hour before it.

    `baseline` names a pinned baseline of the model instead of a reference window; `model` is the one that the model's
    own folder brings.
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), json_schema_extra={"examples": [{"time_window_minutes": 60}]}
    )

    time_window_minutes: int = Field(60, ge=1, le=10_080, description="Length of the window, in minutes")
    window_end: WindowEnd | None = Field(None, description="When the window ends; null: now")
    reference_window_minutes: int | None = Field(
        None, ge=1, le=10_080, description="Length of the reference window, in minutes; null: that of the window"
    )
    reference_window_end: WindowEnd | None = Field(
        None, description="When the reference window ends; null: when the window begins"
    )
    baseline: BaselineName | None = Field(
        None, description="A pinned baseline of `model_name`, instead of a reference window"
    )
    task_type: TaskType | None = None
    model_name: ModelName | None = None
    model_version: ModelVersion | None = None
    reference_model_version: ModelVersion | None = Field(
        None, description="The version to compare with; null: `model_version` in both windows"
    )

    @model_validator(mode="after")
    def compares_with_one_thing(self) -> Self:
        """Raises ValueError for a baseline beside a reference window, and for one of no model."""
        if self.baseline is None:
            return self
        if self.reference_window_minutes or self.reference_window_end or self.reference_model_version:
            raise ValueError("a baseline stands instead of a reference window: name one of them")
        if self.model_name is None:
            raise ValueError("a baseline is of one model: name it in model_name")
        return self


class DriftStatus(StrEnum):
    """The verdict on a comparison: whether it has changed for certain, and by how much.

    What chance alone shows once in 1,000 comparisons (over all measures together, at every size) is not certain. How
    much: PSI, less what chance alone shows on average, in the usual bands.
    """

    STABLE = "stable"
    """No change that is certain, or one below 0.01, though one that matters would have been found."""
    SLIGHT = "slight"
    """A certain change from 0.01, below 0.1."""
    MODERATE = "moderate"
    """A certain change from 0.1."""
    SIGNIFICANT = "significant"
    """A certain change from 0.25."""
    NOT_ENOUGH_DATA = "not_enough_data"
    """Nothing was found, and in so little not everything would have been: half of all in one bin, or new bins only."""


class DriftMeasure(BaseModel):
    """One property of the predictions, compared."""

    name: Literal["label", "confidence", "input_length"]
    status: DriftStatus
    psi: float | None = Field(description="Population stability index; null when one of the sides is empty")
    js_distance: float | None = Field(description="Jensen-Shannon distance, 0 (same) to 1 (nothing in common)")
    chance_psi: float | None = Field(
        description="With samples of this size, about 95 % of pairs drawn from one and the same distribution show less"
    )
    expected_psi: float | None = Field(
        None, description="What PSI is on average when nothing has changed, with samples of this size"
    )
    detectable_psi: float | None = Field(
        None,
        description="About the least true PSI that is found 95 times in 100 with samples of this size, whether one "
        "share has changed or all",
    )
    p_value: float | None = Field(
        None, description="At most how often chance alone shows as much, in this measure or in any other of the report"
    )
    certainty: float | None = Field(None, ge=0, le=1, description="That there was a change: 1 - p_value")
    reference: dict[str, float] = Field(description="Share of each bin in the reference")
    current: dict[str, float] = Field(description="Share of each bin in the window")

    @property
    def excess_psi(self) -> float | None:
        """By how much it has changed: PSI less what chance alone shows on average; the bands are about this."""
        return None if self.psi is None else max(self.psi - (self.expected_psi or 0.0), 0.0)


class DriftReport(BaseModel):
    """What changed from the reference to the window."""

    model_config = ConfigDict(protected_namespaces=())

    status: DriftStatus = Field(
        description="The worst of the measures; not_enough_data is worse than stable, which needs every measure judged"
    )
    measures: list[DriftMeasure]
    sample_size: int
    reference_sample_size: int
    versions: dict[str, int] = Field({}, description="Predictions of the window by model version")
    reference_versions: dict[str, int] = Field({}, description="Predictions of the reference by model version")
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    reference_model_version: str | None = None
    baseline: str | None = Field(None, description="The pinned baseline that was compared with")
    time_window_start: datetime
    time_window_end: datetime
    reference_window_start: datetime | None = Field(None, description="null: the figures are not those of a window")
    reference_window_end: datetime | None = None
    not_judged_because: str | None = Field(
        None, description="Why no measure is judged: the reference and the window overlap; null: each could be"
    )


class Thresholds(BaseModel):
    """When a model's numbers are worth a warning and when they are critical; critical lies beyond warning."""

    model_config = ConfigDict(extra="forbid")

    min_confidence_warning: float = Field(0.6, ge=0, le=1)
    min_confidence_critical: float = Field(0.4, ge=0, le=1)
    max_inference_time_warning_ms: float = Field(200, gt=0, le=3_600_000)
    max_inference_time_critical_ms: float = Field(500, gt=0, le=3_600_000)

    @model_validator(mode="after")
    def critical_is_beyond_warning(self) -> Self:
        """Raises ValueError when a critical threshold would be met before its warning."""
        if self.min_confidence_critical >= self.min_confidence_warning:
            raise ValueError("min_confidence_critical must be below min_confidence_warning")
        if self.max_inference_time_critical_ms <= self.max_inference_time_warning_ms:
            raise ValueError("max_inference_time_critical_ms must be above max_inference_time_warning_ms")
        return self


class ThresholdProfile(Thresholds):
    """Stored thresholds: whose they are, which version, since when."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_name: str | None = Field(None, description="null: the default profile, used by every model without its own")
    version: int = Field(0, description="Grows by one with each change; 0: the defaults, never changed")
    updated_at: datetime | None = None
