"""`baseline.json`: how the outputs of a model were distributed when it was made, in the bins of a drift report."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_BASELINE_BYTES = 1_048_576
"""A larger file is no baseline."""

Predictions = Annotated[int, Field(strict=True, ge=0, le=10_000_000_000)]

ConfidenceRange = Annotated[str, StringConstraints(pattern=r"^(0\.\d[05]-0\.\d[05]|0\.95-1\.00)$")]
LengthRange = Annotated[str, StringConstraints(pattern=r"^\d{1,5}(-\d{1,6}|\+)?$")]


class ModelBaseline(BaseModel):
    """Numbers of predictions per bin; the bins are called as in a drift report. What is left out cannot be compared."""

    model_config = ConfigDict(extra="ignore")

    label: dict[str, Predictions] = Field({}, max_length=100_000)
    confidence: dict[ConfidenceRange, Predictions] = Field({}, description="Keys such as `0.55-0.60`")
    input_length: dict[LengthRange, Predictions] = Field(
        {}, description="Keys such as `64-127`, in characters; the last is `32768+`"
    )
