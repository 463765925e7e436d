"""Whether predictions have changed: a window compared with a reference."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.names import BaselineName, ModelName, ModelVersion, TaskType
from shared.contracts.window import WindowEnd


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


DriftMeasureName = Literal["label", "labels", "confidence", "input_length", "value", "input"]
"""What can be compared. `label`: the one of a prediction, of several the surest; `labels`: each of those that a
prediction may have several of. There is a measure `input` for every input that has bins."""


class ShareChange(BaseModel):
    """The share of predictions that something is true of."""

    reference: float | None = Field(description="null: the reference has none to compare with")
    current: float | None = Field(description="null: the window has none to compare")


class DriftMeasure(BaseModel):
    """One property of the predictions, compared."""

    name: DriftMeasureName
    input: str | None = Field(None, description="Of `input`: which one of the manifest's inputs")
    label: str | None = Field(
        None, description="Of `labels`: the one whose share has changed most; the figures of the change are its own"
    )
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
    reference: dict[str, float] = Field(
        description="Share of each bin in the reference; of `labels` the share of predictions that have it"
    )
    current: dict[str, float] = Field(description="The same in the window")
    missing: ShareChange | None = Field(None, description="Of `input`: how many predictions had none")
    other: ShareChange | None = Field(
        None, description="Of `input`, of a category: how many predictions had a value that the baseline does not list"
    )

    @property
    def subject(self) -> str:
        """What it is called where it stands for itself: `label`, `labels sport`, `input rooms`."""
        which = self.input or self.label
        return self.name if which is None else f"{self.name} {which}"

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
