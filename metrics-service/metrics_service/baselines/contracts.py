"""What a baseline is, as clients see it."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.names import ModelVersion
from shared.contracts.window import WindowEnd

MAX_BASELINES = 50
"""Of one model; more are a mistake of whoever pins them."""

LEAST_WATCHED = 30
"""Predictions of a watched baseline: with fewer on one side not even half of all labels gone would be certain."""


class PinBaseline(BaseModel):
    """Which predictions to pin: those of a window as they are now, or the figures of the model's own folder."""

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        json_schema_extra={"examples": [{"time_window_minutes": 1440, "watched": False}]},
    )

    source: Literal["window", "model"] = "window"
    time_window_minutes: int = Field(1440, ge=1, le=10_080, description="Length of the window, in minutes")
    window_end: WindowEnd | None = Field(None, description="When the window ends; null: now")
    model_version: ModelVersion | None = Field(None, description="null: every version; of a folder: the newest loaded")
    watched: bool = Field(True, description="Whether drift from it is an alert; it needs 30 predictions")

    @model_validator(mode="after")
    def a_folder_has_no_window(self) -> Self:
        """Raises ValueError when a window is named for the figures of a folder."""
        if self.source == "model" and {"time_window_minutes", "window_end"} & self.model_fields_set:
            raise ValueError("the figures of a model's folder have no window")
        return self


class Baseline(BaseModel):
    """A pinned baseline."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    name: str
    source: Literal["window", "model"]
    model_version: str | None = Field(description="null: every version")
    sample_size: int
    time_window_start: datetime | None = Field(description="null: the figures of a model's folder")
    time_window_end: datetime | None
    watched: bool
    pinned_at: datetime


class BaselineList(BaseModel):
    """The baselines of a model, by name."""

    baselines: list[Baseline]
