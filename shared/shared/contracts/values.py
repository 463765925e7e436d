"""What predictions that are no single label came to: values, and sets of labels."""

from pydantic import BaseModel, Field

LARGEST_VALUE = 1e150
"""Of a value, and of what it is held against: squares of larger ones, and of distances, would not fit into a double."""


class ValueMetrics(BaseModel):
    """Of the predictions that have a value: a regression's value, an embedding's norm.

    Percentiles are within 1 % for absolute values from 1e-9 to 9.9e14 (interpolated between two of different signs:
    within 1 % of the larger of the two), everything else is exact.
    """

    predictions: int = Field(description="Those that have a value")
    sum: float
    average: float
    min: float
    max: float
    p05: float
    p25: float
    p50: float
    p75: float
    p95: float


class ErrorFigures(BaseModel):
    """How far values were from what they should have been."""

    judged: int = Field(description="Predictions of which somebody said the right value")
    mae: float = Field(description="Mean absolute error, in the unit of the value")
    rmse: float = Field(description="Root mean square error, in the unit of the value")


class ErrorMetrics(ErrorFigures):
    """By all feedback, and by that which came with the admin token: anyone can claim an error of any size."""

    trusted: ErrorFigures | None = Field(None, description="By feedback with the admin token; null: there is none")


class LabelMetrics(BaseModel):
    """Of the predictions of models that give several labels or none."""

    predictions: int = Field(description="Those that may have several labels")
    average_labels: float = Field(description="Labels per prediction, on average")
    shares: dict[str, float] = Field(description="Of each label: the share of predictions that have it")
