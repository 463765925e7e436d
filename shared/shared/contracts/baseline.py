"""`baseline.json`: how inputs and outputs of a model were distributed when it was made, in the bins of a drift report.

The bins of an input are fixed here and nowhere else: the prediction-service sorts every input into them (`bin_of`), the
metrics-service counts and compares them.
"""

from bisect import bisect_right
from itertools import pairwise
from math import isnan
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_BASELINE_BYTES = 1_048_576
"""A larger file is no baseline."""

MISSING_BIN = -1
"""The bin of an input that was not given, or was given as no number."""

MISSING, OTHER = "(missing)", "(other)"
"""What the bins of missing inputs and of values that are not listed are called in a report."""

MAX_INPUT_BINS = 4096
"""Of all inputs together: so much is counted, stored and compared for a model."""

Predictions = Annotated[int, Field(strict=True, ge=0, le=10_000_000_000)]

ConfidenceRange = Annotated[str, StringConstraints(pattern=r"^(0\.\d[05]-0\.\d[05]|0\.95-1\.00)$")]
LengthRange = Annotated[str, StringConstraints(pattern=r"^\d{1,5}(-\d{1,6}|\+)?$")]
ValueBin = Annotated[str, StringConstraints(pattern=r"^(0|-?[45]\d{4})$")]
Edge = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NumberInput(BaseModel):
    """How a number, an integer or a timestamp (seconds since 1970) was distributed.

    k edges make k + 1 bins: bin i holds what is at least `edges[i - 1]` and less than `edges[i]`.
    """

    model_config = ConfigDict(extra="forbid")

    edges: list[Edge] = Field(min_length=1, max_length=255)
    counts: list[Predictions]
    missing: Predictions = 0

    @model_validator(mode="after")
    def has_a_count_per_bin(self) -> Self:
        """Raises ValueError for edges that do not rise and for another number of counts than of bins."""
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("every edge must be above the one before it")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.counts)}")
        return self

    def bin_of(self, value: float | None) -> int:
        """The bin of a value; None and NaN are missing."""
        return MISSING_BIN if value is None or isnan(value) else bisect_right(self.edges, value)


class CategoryInput(BaseModel):
    """How a category or a boolean (`false`, `true`) was distributed.

    Bin i holds `values[i]`; the bin after the last one holds every other value.
    """

    model_config = ConfigDict(extra="forbid")

    values: list[Value] = Field(min_length=1, max_length=1000)
    counts: list[Predictions]
    other: Predictions = 0
    missing: Predictions = 0

    @model_validator(mode="after")
    def has_a_count_per_value(self) -> Self:
        """Raises ValueError for a value that stands there twice or has a bin's name, and for missing counts."""
        if len(set(self.values)) < len(self.values):
            raise ValueError("a value stands there twice")
        if {MISSING, OTHER} & set(self.values):
            raise ValueError(f"no value can be called {MISSING} or {OTHER}")
        if len(self.counts) != len(self.values):
            raise ValueError(f"{len(self.values)} values need as many counts, not {len(self.counts)}")
        return self

    def bin_of(self, value: str | None) -> int:
        """The bin of a value; None is missing."""
        if value is None:
            return MISSING_BIN
        return self.values.index(value) if value in self.values else len(self.values)


class LabelSets(BaseModel):
    """How many predictions have each label, where a prediction may have several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictions: Predictions = Field(description="Those whose labels are known, whether they have any or not")
    counts: dict[str, Predictions] = Field(max_length=100_000)

    @model_validator(mode="after")
    def has_a_label_at_most_once_a_prediction(self) -> Self:
        """Raises ValueError for a label that more predictions have than there are."""
        for label, count in self.counts.items():
            if count > self.predictions:
                raise ValueError(f"{count} predictions have the label {label[:200]!r}, of {self.predictions}")
        return self


class ModelBaseline(BaseModel):
    """Numbers of predictions per bin; the bins are called as in a drift report. What is left out cannot be compared."""

    model_config = ConfigDict(extra="ignore")

    label: dict[str, Predictions] = Field({}, max_length=100_000)
    labels: LabelSets | None = Field(None, description="Of a multilabel model: how many predictions have each label")
    confidence: dict[ConfidenceRange, Predictions] = Field({}, description="Keys such as `0.55-0.60`")
    input_length: dict[LengthRange, Predictions] = Field(
        {}, description="Keys such as `64-127`, in characters; the last is `32768+`"
    )
    value: dict[ValueBin, Predictions] = Field(
        {}, description="Keys are numbers of logarithmic bins, as docs/models.md says", max_length=6000
    )
    inputs: dict[str, NumberInput | CategoryInput] = Field({}, description="By the names of the manifest's inputs")

    @model_validator(mode="after")
    def has_a_bounded_number_of_bins(self) -> Self:
        """Raises ValueError when all inputs together have too many bins."""
        bins = sum(len(one.counts) + 2 for one in self.inputs.values())
        if bins > MAX_INPUT_BINS:
            raise ValueError(f"the inputs have {bins} bins together, {MAX_INPUT_BINS} are allowed")
        return self
