"""When numbers are worth a warning, and the verdict on them."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
