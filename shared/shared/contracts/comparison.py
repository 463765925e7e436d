"""Two versions of a model, or two windows of it, side by side."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftMeasure, DriftStatus
from shared.contracts.names import ModelName, ModelVersion, TaskType
from shared.contracts.window import WindowEnd


class ComparisonQuery(BaseModel):
    """What to compare of a model: `model_version` with `reference_model_version`, or a window with another one.

    Two versions are compared over the same window, unless a reference window is named; one version, or all of them
    together, with the window before.
    """

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        json_schema_extra={"examples": [{"model_name": "sentiment", "time_window_minutes": 60}]},
    )

    model_name: ModelName
    model_version: ModelVersion | None = Field(None, description="null: all versions together")
    reference_model_version: ModelVersion | None = Field(
        None, description="The version to compare with; null: `model_version` in both windows"
    )
    time_window_minutes: int = Field(60, ge=1, le=10_080, description="Length of the window, in minutes")
    window_end: WindowEnd | None = Field(None, description="When the window ends; null: now")
    reference_window_minutes: int | None = Field(
        None, ge=1, le=10_080, description="Length of the reference window, in minutes; null: that of the window"
    )
    reference_window_end: WindowEnd | None = Field(
        None, description="When it ends; null: with the window for two versions, else when the window begins"
    )
    task_type: TaskType | None = None

    @property
    def is_of_two_versions(self) -> bool:
        """Whether the two sides are different versions."""
        return None not in (self.model_version, self.reference_model_version) and (
            self.model_version != self.reference_model_version
        )

    @model_validator(mode="after")
    def names_both_versions(self) -> Self:
        """Raises ValueError for one version against all of them, among which it is itself."""
        if self.reference_model_version is not None and self.model_version is None:
            raise ValueError("reference_model_version is compared with model_version: name that as well")
        return self


class Side(BaseModel):
    """One of the two: its numbers, and how many of its predictions people judged."""

    metrics: AggregatedMetrics
    predictions_per_minute: float
    feedback_count: int = Field(description="Predictions that people judged")
    accuracy: float | None = Field(
        description="Share of right ones among those, by weight; null: none was judged. How far values are off is in "
        "`metrics.errors`"
    )


Quantity = Literal[
    "predictions_per_minute",
    "average_confidence",
    "average_inference_time_ms",
    "p50_inference_time_ms",
    "p95_inference_time_ms",
    "p99_inference_time_ms",
    "accuracy",
    "average_value",
    "mean_absolute_error",
    "label_share",
    "labels_share",
]
"""What is compared as a number; `label_share`: of predictions with one label, `labels_share`: with several."""


class Difference(BaseModel):
    """One number on both sides, and by how much it differs: current less reference."""

    name: Quantity
    label: str | None = Field(None, description="Of a share: which label")
    reference: float | None = Field(description="null: nothing to compute it from")
    current: float | None = Field(description="null: nothing to compute it from")
    difference: float | None = None
    low: float | None = Field(None, description="The true difference lies between low and high 95 times in 100; null: "
                              "there is no saying, or the number is no sample but what it is")  # fmt: skip
    high: float | None = None
    is_certain: bool = Field(
        False,
        description="Whether chance alone shows so much at most once in 1,000 comparisons, over all their numbers",
    )
    is_material: bool = Field(False, description="Whether it is large enough to matter")

    @property
    def is_claimed(self) -> bool:
        """Whether a verdict speaks of it."""
        return self.is_certain and self.is_material


class Verdict(StrEnum):
    """What the comparison comes to."""

    SAME = "same"
    """No difference that is certain and matters, though one would have been found."""
    BETTER = "better"
    WORSE = "worse"
    MIXED = "mixed"
    """Better in some of accuracy, error of values, confidence and time, worse in others."""
    DIFFERENT = "different"
    """Other labels, values or inputs; neither better nor worse by what can be measured."""
    NOT_ENOUGH_DATA = "not_enough_data"


class Comparison(BaseModel):
    """Two sides, their differences, and what they come to."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    task_type: str | None = None
    verdict: Verdict = Field(description="How the current side does beside the reference")
    words: list[str] = Field(description="The verdict in words, a sentence each, the weightiest first")
    current: Side
    reference: Side
    differences: list[Difference]
    distributions: list[DriftMeasure] = Field(description="Every property compared, as by `POST /metrics/drift`")
    distributions_status: DriftStatus
