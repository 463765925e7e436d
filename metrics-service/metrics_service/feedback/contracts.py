"""Feedback and quality, as clients see them."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.config import JsonDict

from shared.contracts.labels import check_label
from shared.contracts.values import LARGEST_VALUE, ErrorMetrics
from shared.service.key_models import EVERY_MODEL, KeyModels

MAX_BATCH = 1000
"""Judgements in one request."""

MAX_LABELS = 1000
"""Labels in one judgement."""

MAX_BATCH_VALUES = 32_768
"""Values in the JSON of a batch: of MAX_BATCH judgements each may have some thirty labels."""

Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_label)
]
"""Any label that a model may have; which ones there are, the model says."""


Value = Annotated[
    float | None, Field(description="Of a regression; others have none", exclude_if=lambda value: value is None)
]

Labels = Annotated[
    list[str] | None,
    Field(description="Of a multilabel model, sorted", exclude_if=lambda labels: labels is None),
]

EXAMPLE: JsonDict = {"prediction_id": "01a20847-a5a7-7417-9958-3271ea4081d2", "label": "negative"}
"""For the document; the id is of no prediction of yours."""


class Feedback(BaseModel):
    """What a prediction should have been."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    prediction_id: UUID
    label: Label | None = Field(None, description="The label that would have been right", examples=["negative"])
    value: float | None = Field(
        None,
        strict=True,
        ge=-LARGEST_VALUE,
        le=LARGEST_VALUE,
        allow_inf_nan=False,
        description="Of a regression, instead of a label: the value that would have been right",
    )

    labels: list[Label] | None = Field(
        None,
        max_length=MAX_LABELS,
        description="Of a multilabel model, instead of a label: all that would have been right, each once, or none",
    )

    @field_validator("labels")
    @classmethod
    def names_each_once(cls, labels: list[str] | None) -> list[str] | None:
        """Raises ValueError for a label that is there twice."""
        twice = [label for label, times in Counter(labels or ()).items() if times > 1]
        if twice:
            raise ValueError(f"has {twice[0]!r} more than once")
        return labels

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """Raises ValueError unless there is exactly one of label, value and labels."""
        if sum(said is not None for said in (self.label, self.value, self.labels)) != 1:
            raise ValueError("send either label or, for a regression, value or, for a multilabel model, labels")
        return self


class FeedbackBatch(BaseModel):
    """Many judgements at once. Each has its own outcome: a row that makes no sense keeps no other from being taken."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"feedback": [EXAMPLE]}]})
    max_values: ClassVar[int] = MAX_BATCH_VALUES

    feedback: list[object] = Field(
        min_length=1,
        max_length=MAX_BATCH,
        description="Rows as in `POST /feedback`",
        json_schema_extra={"items": {"$ref": "#/components/schemas/Feedback"}},
    )


class Outcome(StrEnum):
    """What became of a row."""

    RECORDED = "recorded"
    INVALID = "invalid"
    UNKNOWN_PREDICTION = "unknown_prediction"
    UNKNOWN_LABEL = "unknown_label"
    NO_LABEL = "no_label"
    """The prediction has no label that could be right or wrong: it is a value, or no label was sure enough."""
    NO_VALUE = "no_value"
    """The prediction has no value that could be right or wrong: it is no regression's."""
    NO_LABELS = "no_labels"
    """The prediction has no set of labels that could be right or wrong: it is no multilabel model's."""
    TRUSTED_WORD_STANDS = "trusted_word_stands"
    ANOTHER_WORD_STANDS = "another_word_stands"
    SUPERSEDED = "superseded"
    """A later row of the same batch judges the same prediction, and that counts."""


class FeedbackResult(BaseModel):
    """What became of one row; those that were not recorded say why."""

    outcome: Outcome
    prediction_id: UUID | None = Field(None, description="null: the row has none that can be read")
    prediction_label: str | None = None
    actual_label: str | None = None
    prediction_value: Value = None
    actual_value: Value = None
    prediction_labels: Labels = None
    actual_labels: Labels = None
    given_at: datetime | None = None
    detail: str | None = None


class FeedbackResults(BaseModel):
    """What became of each row, in order."""

    recorded: int
    results: list[FeedbackResult]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives feedback.

    `digest`: of what the caller is counted as. `is_trusted`: whether it came with the admin token. `key_id`: of the
    key that it came with. `models`: on whose predictions; `trusted_on`: where it counts in full, if it is trusted.
    """

    digest: str
    is_trusted: bool
    key_id: UUID | None = None
    models: KeyModels = EVERY_MODEL
    trusted_on: KeyModels = EVERY_MODEL


class RecordedFeedback(BaseModel):
    """What is on record about a prediction now."""

    prediction_id: UUID
    prediction_label: str | None = Field(None, description="null: a value or a set of labels was judged")
    actual_label: str | None = None
    prediction_value: Value = None
    actual_value: Value = None
    prediction_labels: Labels = None
    actual_labels: Labels = None
    given_at: datetime


class LabelQuality(BaseModel):
    """How well one label is recognized."""

    label: str
    predicted: int = Field(description="How often it was predicted")
    actual: int = Field(description="How often it would have been right")
    precision: float | None = Field(description="Share of its predictions that were right; null: never predicted")
    recall: float | None = Field(description="Share of its occurrences that were predicted; null: never occurred")


class SetQuality(BaseModel):
    """How well sets of labels are recognized, where whole sets were judged."""

    judged: int = Field(description="Predictions of which somebody said all labels that would have been right")
    accuracy: float | None = Field(
        description="Share of predictions with all of those labels and no other, by weight; null: nothing counts"
    )
    precision: float | None = Field(description="Share of predicted labels that were right; null: none was predicted")
    recall: float | None = Field(description="Share of right labels that were predicted; null: none was right")


class Confusion(BaseModel):
    """How often one label was predicted where the same or another one would have been right."""

    predicted: str
    actual: str
    count: int
    weight: float = Field(description="What these judgements count for")


class Quality(BaseModel):
    """How good the predictions of a window were, as far as there is feedback."""

    model_config = ConfigDict(protected_namespaces=())

    feedback_count: int = Field(
        description="Predictions whose label, or set of labels, was judged; of values `errors` counts them"
    )
    weight: float = Field(
        0.0,
        description="What those on labels count for: no caller without the admin token counts for more than a limit",
    )
    callers: int = Field(0, description="How many judged; all who had the admin token are one")
    is_independent: bool = Field(
        False,
        description="Whether most of the weight is what at least three callers say alike, or one with the admin token",
    )
    accuracy: float | None = Field(
        description="Share of right labels, by weight; of sets of labels those that are right as a whole; null without "
        "feedback on labels"
    )
    labels: list[LabelQuality]
    errors: ErrorMetrics | None = Field(None, description="Of values; null: nobody said what one should have been")
    sets: SetQuality | None = Field(None, description="Where whole sets of labels were judged; null: none was")
    confusion: list[Confusion] = Field(
        [],
        description="Predicted beside correct labels where one label was judged, the most frequent first; what is "
        "not there never occurred",
    )
    confusion_left_out: int = Field(0, description="Judgements of pairs beyond the 1,000 most frequent")
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    time_window_start: datetime
    time_window_end: datetime
