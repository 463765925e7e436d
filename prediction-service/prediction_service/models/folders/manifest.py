"""What the author of a model says about it. Unknown keys are errors, so that typing mistakes show."""

from collections import Counter
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from prediction_service.models.folders.runtime_options import (
    Batching,
    Cache,
    LexiconOptions,
    OnnxOptions,
    PythonOptions,
    Strict,
)
from prediction_service.models.folders.wording import Text
from prediction_service.signature.inputs import MAX_INPUTS, Input
from prediction_service.signature.signature import Signature
from prediction_service.tasks.classification import Classification
from prediction_service.tasks.embedding import Embedding
from prediction_service.tasks.generic import Generic
from prediction_service.tasks.multilabel import Multilabel
from prediction_service.tasks.outputs import DeclaredOutput
from prediction_service.tasks.regression import Regression
from prediction_service.tasks.task import Task
from shared.contracts.labels import Label
from shared.contracts.names import TaskType

Probability = Annotated[float, Field(ge=0, le=1)]

WITHOUT_LABELS = frozenset({"regression", "embedding", "generic"})
"""Tasks whose predictions have no label; every task of another name chooses one label, or several (`multilabel`)."""


class Manifest(Strict):
    """Everything about a model except its name and version, which are the names of its folders."""

    task_type: TaskType = "classification"
    labels: list[Label] = Field([], max_length=10_000, validate_default=True)
    description: Text = ""
    source: Text = Field("", description="Where it comes from, under which licence")
    inputs: list[Input] = Field([], max_length=MAX_INPUTS, description="What it takes; not set: one text")
    threshold: Probability = Field(0.5, description="multilabel: from which probability on a label applies")
    thresholds: dict[Label, Probability] = Field({}, description="multilabel: the same for single labels")
    unit: Text = Field("", max_length=50, description="regression: of the value")
    range: tuple[float, float] | None = Field(None, description="regression: between which every value lies")
    dimension: int | None = Field(None, ge=1, le=65_536, description="embedding: numbers of a vector")
    outputs: list[DeclaredOutput] = Field([], max_length=100, description="generic: what it gives; not set: anything")
    runtime: LexiconOptions | OnnxOptions | PythonOptions = Field(discriminator="kind")
    batching: Batching = Batching()
    cache: Cache = Cache()

    @field_validator("labels")
    @classmethod
    def labels_suit_the_task(cls, labels: list[str], info: ValidationInfo) -> list[str]:
        """Raises ValueError for a label that appears twice, and for labels, or none, that the task forbids."""
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        task = info.data.get("task_type", "")
        if labels and task in WITHOUT_LABELS:
            raise ValueError(f"the task {task} has no labels")
        if not labels and task not in WITHOUT_LABELS:
            raise ValueError("must have the model's labels, in the order of its outputs" + meant(task))
        return labels

    @field_validator("inputs")
    @classmethod
    def inputs_are_unique(cls, inputs: list[Input]) -> list[Input]:
        """Raises ValueError when two inputs have one name."""
        check_unique([declared.name for declared in inputs])
        return inputs

    @field_validator("outputs")
    @classmethod
    def outputs_are_unique(cls, outputs: list[DeclaredOutput]) -> list[DeclaredOutput]:
        """Raises ValueError when two outputs have one name."""
        check_unique([declared.name for declared in outputs])
        return outputs

    @field_validator("thresholds")
    @classmethod
    def thresholds_are_of_labels(cls, thresholds: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        """Raises ValueError for a threshold of a label that the model has not."""
        if unknown := thresholds.keys() - set(info.data.get("labels", thresholds)):
            raise ValueError(f"{min(unknown)} is none of the labels")
        return thresholds

    @field_validator("range")
    @classmethod
    def range_has_a_beginning(cls, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        """Raises ValueError unless the first number is below the second."""
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError("the first number must be below the second")
        return bounds

    @model_validator(mode="after")
    def options_suit_the_task(self) -> Self:
        """Raises ValueError for an embedding without its dimension, and for what belongs to another task."""
        for option, task in OPTIONS_OF_TASKS.items():
            if option in self.model_fields_set and self.task_type != task:
                raise ValueError(f"{option} belongs to the task {task}, and task_type is {self.task_type}")
        if self.task_type == "embedding" and self.dimension is None:
            raise ValueError("an embedding needs dimension, the number of numbers of a vector")
        return self

    @model_validator(mode="after")
    def runtime_suits_the_task(self) -> Self:
        """Raises ValueError for an option of the runtime that makes outputs of another task."""
        for option, task in OPTIONS_OF_OUTPUTS.items():
            if getattr(self.runtime, option, None) and self.task_type != task:
                raise ValueError(f"runtime.{option} belongs to the task {task}, and task_type is {self.task_type}")
        if getattr(self.runtime, "softmax", False) and self.task_type in {"multilabel", "regression", "embedding"}:
            raise ValueError(f"runtime.softmax is for one label of several, and task_type is {self.task_type}")
        if getattr(self.runtime, "binary", None) and not (
            self.chooses_a_label and len(self.labels) == LABELS_OF_BINARY
        ):
            raise ValueError("runtime.binary is for a classification with two labels")
        return self

    @property
    def chooses_a_label(self) -> bool:
        """Whether its task is a classification, of whatever name."""
        return self.task_type not in {*WITHOUT_LABELS, "multilabel"}

    @property
    def is_text_classification(self) -> bool:
        """Whether it makes one label of one text, as a manifest without `[[inputs]]` has it."""
        return not self.inputs and self.chooses_a_label

    @cached_property
    def signature(self) -> Signature:
        """What the model takes."""
        return Signature(self.inputs)

    @cached_property
    def task(self) -> Task:
        """What the model is for. A task_type that is no task's name is a classification under a name of its own."""
        if self.task_type == "multilabel":
            return Multilabel(self.labels, self.threshold, self.thresholds)
        if self.task_type == "regression":
            return Regression(self.unit, *(self.range or ()))
        if self.task_type == "embedding" and self.dimension is not None:
            return Embedding(self.dimension)
        return Generic(self.outputs) if self.task_type == "generic" else Classification(self.labels)


OPTIONS_OF_TASKS = {
    "threshold": "multilabel",
    "thresholds": "multilabel",
    "unit": "regression",
    "range": "regression",
    "dimension": "embedding",
    "outputs": "generic",
}
"""Option of a manifest → the only task that has it."""

LABELS_OF_BINARY = 2

OPTIONS_OF_OUTPUTS = {"sigmoid": "multilabel", "pooling": "embedding", "normalize": "embedding", "entities": "generic"}
"""Option of a runtime → the only task that has it."""


def meant(task: str) -> str:
    """What to know of a `task_type` that stands without labels, of which it needs some."""
    if task in {"", "classification", "multilabel"}:
        return ""
    near = get_close_matches(task, WITHOUT_LABELS, 1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f" (task_type {task} is a classification, as every name is that is no other task's{guess})"


def check_unique(names: list[str]) -> None:
    """Raises ValueError when one of them appears twice."""
    for name, number in Counter(names).items():
        if number > 1:
            raise ValueError(f"{name} stands there twice")
