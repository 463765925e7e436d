"""When numbers are worth a warning, and the verdict on them."""

from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.values import LARGEST_VALUE


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


ValueLimit = Annotated[
    float | None,
    Field(
        ge=-LARGEST_VALUE,
        le=LARGEST_VALUE,
        description="Of the average value, for one model; null: there is no such threshold",
        exclude_if=lambda value: value is None,
    ),
]
ErrorLimit = Annotated[
    float | None,
    Field(
        gt=0,
        le=LARGEST_VALUE,
        description="Of the mean absolute error by feedback with the admin token, for one model; null: there is none",
        exclude_if=lambda value: value is None,
    ),
]

OF_VALUES = (
    "min_value_warning",
    "min_value_critical",
    "max_value_warning",
    "max_value_critical",
    "max_mae_warning",
    "max_mae_critical",
)
"""Thresholds that mean something for one model alone: models have different units."""

RISING = ("min_value_critical", "min_value_warning", "max_value_warning", "max_value_critical")
"""Those of the average value, in the order that they must have."""


class Thresholds(BaseModel):
    """When a model's numbers are worth a warning and when they are critical; critical lies beyond warning.

    Those on values are of one model, and there are none unless they are set.
    """

    model_config = ConfigDict(extra="forbid")

    min_confidence_warning: float = Field(0.6, ge=0, le=1)
    min_confidence_critical: float = Field(0.4, ge=0, le=1)
    max_inference_time_warning_ms: float = Field(200, gt=0, le=3_600_000)
    max_inference_time_critical_ms: float = Field(500, gt=0, le=3_600_000)
    min_value_warning: ValueLimit = None
    min_value_critical: ValueLimit = None
    max_value_warning: ValueLimit = None
    max_value_critical: ValueLimit = None
    max_mae_warning: ErrorLimit = None
    max_mae_critical: ErrorLimit = None

    @model_validator(mode="after")
    def critical_is_beyond_warning(self) -> Self:
        """Raises ValueError when a critical threshold would be met before its warning."""
        if self.min_confidence_critical >= self.min_confidence_warning:
            raise ValueError("min_confidence_critical must be below min_confidence_warning")
        if self.max_inference_time_critical_ms <= self.max_inference_time_warning_ms:
            raise ValueError("max_inference_time_critical_ms must be above max_inference_time_warning_ms")
        return self

    @model_validator(mode="after")
    def values_have_an_order(self) -> Self:
        """Raises ValueError for thresholds on values of which every value, or none, could be within."""
        for names in (RISING, ("max_mae_warning", "max_mae_critical")):
            there = [name for name in names if getattr(self, name) is not None]
            for low, high in pairwise(there):
                if getattr(self, low) >= getattr(self, high):
                    raise ValueError(f"{high} must be above {low}")
        return self


class ThresholdProfile(Thresholds):
    """Stored thresholds: whose they are, which version, since when."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_name: str | None = Field(None, description="null: the default profile, used by every model without its own")
    version: int = Field(0, description="Grows by one with each change; 0: the defaults, never changed")
    updated_at: datetime | None = None
