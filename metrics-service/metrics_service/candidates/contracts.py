"""The report on a candidate, as clients see it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.comparison import Comparison
from shared.contracts.drift import DriftMeasure
from shared.contracts.rollouts import RolloutMode


class Estimate(BaseModel):
    """A number that was measured in a sample; the true one lies between low and high 95 times in 100."""

    value: float
    low: float | None = Field(None, description="null: too few for an interval")
    high: float | None = None


class Confusion(BaseModel):
    """How often the stable version said one label and the candidate the other."""

    stable: str | None
    candidate: str | None
    predictions: int


class Distances(BaseModel):
    """How far the two are apart, request by request."""

    average: Estimate
    p50: float
    p95: float
    largest: float


class Pair(BaseModel):
    """A number of both versions over the same requests."""

    stable: float
    candidate: float
    difference: Estimate = Field(description="Candidate less stable, request by request")


class Disagreement(BaseModel):
    """A request over which the two are far apart."""

    prediction_id: UUID
    timestamp: datetime
    stable_label: str | None
    candidate_label: str | None
    stable_confidence: float | None
    candidate_confidence: float | None
    stable_value: float | None
    candidate_value: float | None
    distance: float | None
    text: str | None = Field(None, description="Where texts are stored")
    inputs: dict[str, Any] | None = Field(None, description="Where inputs are stored")


class ShadowReport(BaseModel):
    """What the candidate said of the same requests, over the newest 100,000 of them."""

    requests: int = Field(description="That the candidate was given; others found no capacity")
    since: datetime | None
    until: datetime | None
    errors: Estimate | None = Field(description="Share of the requests that the candidate could not compute")
    agreement: Estimate | None = Field(
        description="Share of the same labels, sets of labels or outputs; null: the task has none"
    )
    confusion: list[Confusion] = Field(description="The 100 most frequent pairs of labels")
    distance: Distances | None = Field(
        description="Of scores half the sum of their differences (0 to 1), of sets of labels 1 - Jaccard, of values "
        "their difference, of vectors 1 - cosine"
    )
    confidence: Pair | None
    inference_time_ms: Pair | None
    drift: list[DriftMeasure] = Field(description="Labels, confidence and values of the two held against each other")
    disagreements: list[Disagreement] = Field(description="The ten that are furthest apart")


class RolloutReport(BaseModel):
    """How the candidate does beside the stable version."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    mode: RolloutMode
    stable_version: str
    candidate_version: str
    share: float
    started_at: datetime
    shadow: ShadowReport | None = Field(description="In the shadow: pairs")
    canary: Comparison | None = Field(
        description="As a canary: both versions' own predictions side by side, since it began, or of the last week"
    )
