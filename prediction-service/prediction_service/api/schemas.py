"""Bodies of the public API; only this service and its clients use them."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from prediction_service.request.texts import MAX_BATCH_BYTES, MAX_CHARACTERS, MAX_TEXTS, check_text
from prediction_service.rollouts.policies import KnownFrom
from prediction_service.signature.inputs import MAX_INPUTS
from prediction_service.tasks.outputs import DeclaredOutput
from shared.contracts.names import ModelName, TaskType
from shared.contracts.problem import ProblemDetails
from shared.contracts.rollouts import RolloutMode
from shared.http.json_structure import MAX_TENSOR_VALUES
from shared.http.streams import CSV, NDJSON

Text = Annotated[
    str,
    AfterValidator(check_text),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_CHARACTERS}, description="Not blank, no NUL characters"),
]


ModelVersion = Annotated[str, StringConstraints(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$")]
"""X.Y.Z."""


class PredictionOptions(BaseModel):
    """What a request can choose besides its text."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    include_metrics: bool = Field(True, description="Whether answers repeat what was recorded, as `metric`")
    model_name: ModelName | None = Field(None, description="null: the default model; see GET /models")
    model_version: ModelVersion | None = Field(
        None, description="null: the one that the model's rollout has for this caller; see GET /models"
    )
    task_type: TaskType = Field(
        "classification", description="Checked against the model if sent; without a model name, chooses by task"
    )

    def wanted_task(self) -> str | None:
        """The task that the client asked for, None when it said nothing about it."""
        return self.task_type if "task_type" in self.model_fields_set else None


Inputs = Annotated[
    dict[str, Any],
    Field(max_length=MAX_INPUTS, description="Name → value of each input that the model declares; see GET /models"),
]


class PredictionRequest(PredictionOptions):
    """One text, or the inputs of one row."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "What a wonderful little server!"}],
            "oneOf": [{"required": ["text"]}, {"required": ["inputs"]}],
        }
    )

    max_values: ClassVar[int] = MAX_TENSOR_VALUES

    text: Text | None = Field(None, description="For a model of one text: not blank, no NUL characters")
    inputs: Inputs | None = None


class BatchRequest(PredictionOptions):
    """Several texts, or rows of inputs, for one model. One that is not acceptable costs the others nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"texts": ["I love it.", "This is awful."]}],
            "oneOf": [{"required": ["texts"]}, {"required": ["rows"]}],
        }
    )

    max_body_bytes: ClassVar[int] = MAX_BATCH_BYTES
    other_types: ClassVar[tuple[str, ...]] = (CSV, NDJSON)
    max_values: ClassVar[int] = MAX_TENSOR_VALUES

    texts: Annotated[list[str], Field(min_length=1, max_length=MAX_TEXTS)] | None = Field(
        None, description="Each as in /predict; at most 1,000,000 characters"
    )
    rows: Annotated[list[Inputs], Field(min_length=1, max_length=MAX_TEXTS)] | None = Field(
        None, description="The inputs of each row; at most 1,000,000 characters"
    )


WITHOUT_LABEL = "null only for tasks that have none: regression, embedding, generic; multilabel where no label applies"

Value = Annotated[
    float | None,
    Field(
        description="Of a regression the value, of an embedding the norm; other tasks have none",
        exclude_if=lambda value: value is None,
    ),
]


class PredictionMetric(BaseModel):
    """A prediction as it stands in the record."""

    model_config = ConfigDict(protected_namespaces=())

    prediction_id: UUID
    prediction_label: str | None = Field(description=WITHOUT_LABEL)
    task_type: str
    model_name: str
    model_version: str
    confidence: float | None = Field(description=WITHOUT_LABEL)
    prediction_value: Value = None
    inference_time_ms: float
    input_length: int = Field(description="In characters")
    timestamp: datetime
    metrics_data: dict[str, Any] = Field(
        description="`batch_rows`: rows that the model computed in the same call; `queue_time_ms`: waiting for it; "
        '`cache`: "hit" if the model was not called for this one, since its cache knew what it says'
    )


class RawOutput(BaseModel):
    """What a classifier said before a label was chosen."""

    scores: dict[str, float] = Field(description="Probability of each label; they add up to 1")


class MultilabelOutput(BaseModel):
    """What a multilabel model said."""

    scores: dict[str, float] = Field(description="Probability of each label, of its own")
    labels: list[str] = Field(description="Those that reach their thresholds, the surest first")


class RegressionOutput(BaseModel):
    """What a regression said."""

    value: float
    unit: str | None = Field(description="As the manifest has it")


class EmbeddingOutput(BaseModel):
    """What an embedding said."""

    vector: list[float]


class GenericOutput(BaseModel):
    """What a model of any other kind said."""

    outputs: dict[str, Any] = Field(description="Name → value of each output; tensors as nested lists")


class Prediction(BaseModel):
    """An answer; it is on record by the time it is sent."""

    model_config = ConfigDict(protected_namespaces=())

    prediction_id: UUID = Field(description="UUIDv7")
    prediction_label: str | None = Field(description=WITHOUT_LABEL)
    task_type: str
    model_name: str
    model_version: str = Field(description="X.Y.Z")
    confidence: float | None = Field(ge=0, le=1, description="Probability of the label, as the model sees it")
    prediction_value: Value = None
    inference_time_ms: float = Field(description="How long the model's call took in which this was computed")
    timestamp: datetime = Field(description="UTC")
    metric: PredictionMetric | None = None
    raw_output: RawOutput | MultilabelOutput | RegressionOutput | EmbeddingOutput | GenericOutput | None = None


class BatchItemError(BaseModel):
    """In place of a prediction: the input was not acceptable, or the model cannot compute it. Nothing is recorded."""

    error: ProblemDetails


class BatchResponse(BaseModel):
    """One entry for each text or row, in their order."""

    predictions: list[Prediction | BatchItemError]


class GoldenRows(BaseModel):
    """What must come out of a version, or it is not served (`golden.jsonl`)."""

    rows: int = Field(description="0: nothing is expected")
    largest_tolerance: float | None = Field(description="By which a number may differ at most; null: there are no rows")


class LoadedModel(BaseModel):
    """A version of a model that is loaded."""

    name: str
    version: str
    task_type: str
    labels: list[str] = Field(description="Empty for tasks without labels")
    inputs: list[dict[str, Any]] = Field(
        description="As the manifest declares them; a model of one text has one, `text`"
    )
    unit: str | None = Field(None, description="Of a regression's value")
    dimension: int | None = Field(None, description="Of an embedding's vector")
    outputs: list[DeclaredOutput] = Field([], description="Of a generic model, as the manifest declares them")
    runtime: str
    source: str = Field(description="Where the model comes from, in its author's words; else its folder")
    description: str = ""
    default: bool = Field(description="Whether requests that name no model go here")
    digest: str = Field(description="`sha256:…` over names and bytes of what was in its folder when it was loaded")
    card: bool = Field(description="Whether it has a model card: GET /models/{name}/{version}/card")
    golden: GoldenRows
    state: str = Field(
        description="`ready`; `outdated`: what is in the folder now cannot be served (yet), and this goes on; "
        "`unavailable`: a call did not come back, and requests are refused until it is loaded anew"
    )
    reason: str = Field("", description="Why it is not `ready`")
    share: float = Field(description="Percent of the requests that name the model and no version which it gets")


class SkippedFolder(BaseModel):
    """A folder of the repository that cannot be served."""

    folder: str
    reason: str


class WaitingFolder(BaseModel):
    """A folder of the repository that is not served now, and not because it is broken."""

    folder: str
    state: str = Field(description="`loading` or `unloaded`")
    reason: str


class ModelRollout(BaseModel):
    """Which version of a model requests get that name none; of models without one it is the newest."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    revision: int
    mode: RolloutMode
    stable_version: str | None
    candidate_version: str | None
    share: float = Field(description="Percent of the requests that the candidate computes")
    trouble: str = Field(description="Why this is not what is served here, or not after a start; empty if it is")


class ModelList(BaseModel):
    """The model repository, the default model first. Every folder is in one of the lists."""

    models: list[LoadedModel]
    skipped: list[SkippedFolder] = Field(description="Broken folders, and why")
    waiting: list[WaitingFolder] = Field(description="Folders that are being tried, or were unloaded by hand")
    rollouts: list[ModelRollout] = Field(description="Of the models of which somebody has decided it")
    rollouts_known_from: KnownFrom = Field(
        description="`postgres`; while that is away `memory` or `disk`: as they were known last; or `nowhere`"
    )
