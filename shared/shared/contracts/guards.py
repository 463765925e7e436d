"""What rolls a candidate back when it does worse than the stable version, and what it must do to be promoted."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.names import ModelName, ModelVersion


class ErrorGuard(BaseModel):
    """Requests that a version fails for a reason of its own."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    tolerance: float = Field(
        0.001, ge=0, le=0.5, allow_inf_nan=False, description="By how much the share of errors may be higher, of 1"
    )


class TimeGuard(BaseModel):
    """The 95th percentile of the time from asking the model to its results."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    times: float = Field(
        1.25, ge=1, le=100, allow_inf_nan=False, description="How many times the stable version's it may be"
    )
    more_ms: float = Field(
        5.0, ge=0, le=3_600_000, allow_inf_nan=False, description="So much more is no matter in any case"
    )


class DropGuard(BaseModel):
    """A share of 1 that should not fall: average confidence, or right ones among those that people judged.

    A value is right that is off by no more than nine in ten of the stable version's first ones.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    tolerance: float = Field(0.05, ge=0, le=0.5, allow_inf_nan=False, description="By how much it may be lower, of 1")


class ThresholdGuard(BaseModel):
    """The critical thresholds of the model, where the stable version keeps them better than the candidate."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True


class Guards(BaseModel):
    """What rolls a candidate back when it is worse; each compares it with the stable version in the same time."""

    model_config = ConfigDict(extra="forbid")

    error_rate: ErrorGuard = Field(default_factory=ErrorGuard)
    p95: TimeGuard = Field(default_factory=TimeGuard)
    confidence: DropGuard = Field(default_factory=DropGuard)
    accuracy: DropGuard = Field(default_factory=DropGuard)
    thresholds: ThresholdGuard = Field(default_factory=ThresholdGuard)
    least_requests: int = Field(
        1000,
        ge=1,
        le=1_000_000_000,
        description="So many of its requests in the last step before it may promote itself; the stable version must "
        "have had 30 then",
    )


class GuardName(StrEnum):
    """The guards, as the settings have them."""

    ERROR_RATE = "error_rate"
    P95 = "p95"
    CONFIDENCE = "confidence"
    ACCURACY = "accuracy"
    THRESHOLDS = "thresholds"


class GuardReading(BaseModel):
    """What one guard has seen of a rollout so far."""

    guard: GuardName
    candidate: float | None = Field(description="Share of errors, milliseconds, confidence or accuracy; null: no data")
    stable: float | None = Field(description="The same of the stable version")
    candidate_number: int = Field(description="How many requests, predictions or judgements that is over")
    stable_number: int
    e_value: float = Field(
        description="How much the figures speak for the candidate being worse than is tolerated: on average at most 1 "
        "if it is not"
    )
    rolls_back_at: float = Field(description="An equal candidate ever gets there in one rollout of so many at most")
    in_doubt: bool = Field(description="Whether it speaks against a promotion")


class RolloutState(StrEnum):
    """What became of a canary."""

    ON = "on"
    ROLLED_BACK = "rolled_back"
    PROMOTED = "promoted"
    CHANGED = "changed"
    """Another policy took its place."""


class RolloutReading(BaseModel):
    """A canary that is on, or the last one of its model, and what its guards have seen."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: ModelName
    stable_version: ModelVersion
    candidate_version: ModelVersion
    started_at: datetime
    looked_at: datetime = Field(description="When the guards looked last")
    state: RolloutState
    ended_by: str | None = Field(None, description="`guard`, or whose change it was; null: it is on")
    ended_at: datetime | None = None
    reason: str | None = Field(None, description="Why it ended")
    guards: list[GuardReading]
