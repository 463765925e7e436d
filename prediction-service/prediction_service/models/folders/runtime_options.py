"""`[runtime]` and `[batching]` of a manifest."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


class Strict(BaseModel):
    """A table of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LexiconOptions(Strict):
    """Word list and rules of VADER; its labels are positive, negative and neutral."""

    kind: Literal["lexicon"]


def inside(name: str) -> str:
    """Raises ValueError for a path that leads out of the model's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name:
        raise ValueError("must be a path below the model's folder, such as onnx/model.onnx")
    return name


FileName = Annotated[str, StringConstraints(min_length=1, max_length=400), AfterValidator(inside)]
"""A file in the model's own folder or in one below it."""


class OnnxOptions(Strict):
    """ONNX Runtime, over the texts as they are or, with a tokenizer, over token ids."""

    kind: Literal["onnx"]
    file: FileName | None = Field(None, description="Not set: model.onnx, onnx/model.onnx, or the only .onnx file")
    tokenizer: FileName | None = Field(
        None, description="Hugging Face's tokenizer.json; not set: that file if the model takes token ids"
    )
    lowercase: bool = Field(False, description="Whether the model was trained on texts in lower case")
    max_tokens: int | None = Field(
        None, ge=8, le=8192, description="Most tokens that the model is given at once; not set: 256, or what it takes"
    )
    long_texts: Literal["cut", "windows"] = Field(
        "cut", description="Beyond max_tokens: cut, or judged whole, in windows of that size whose scores are averaged"
    )
    output: str | None = Field(None, description="The output with one number per label; not set: the only such one")
    softmax: bool = Field(False, description="Whether the output is logits, one of which is right")
    binary: Literal["probability", "logit"] | None = Field(
        None, description="classification: what a model of two labels gives, if that is one number: the second label's"
    )
    sigmoid: bool = Field(False, description="multilabel: whether the output is logits, each for itself")
    columns: str | None = Field(
        None, description="The input that takes all numbers as one matrix [n, k], in the order of [[inputs]]"
    )
    column_inputs: bool = Field(False, description="Whether every input has one of its own name in the model")
    pooling: Literal["mean", "cls", "none"] | None = Field(
        None, description="embedding: how a vector for each token becomes one; none: the output has one already"
    )
    normalize: bool = Field(False, description="embedding: whether vectors are scaled to length 1")
    entities: bool = Field(False, description="generic: whether a label for each token becomes spans of the text")

    @model_validator(mode="after")
    def options_go_together(self) -> Self:
        """Raises ValueError for options that say opposite things."""
        if self.columns is not None and self.column_inputs:
            raise ValueError("columns puts inputs together, and column_inputs says that each has one of its own")
        if self.softmax and self.binary:
            raise ValueError("softmax is for a number of each label, binary for a single number; say one of them")
        if self.softmax and self.sigmoid:
            raise ValueError("softmax is for one label of several, sigmoid for several at once; say one of them")
        return self


class PythonOptions(Strict):
    """A file with a function `predict(rows)`, or a class `Model` with such a method; in processes of its own."""

    kind: Literal["python"]
    file: FileName = "model.py"


class Batching(Strict):
    """How many texts the model is given at once."""

    max_rows: int = Field(32, ge=1, le=4096, description="Most texts of one call; 1 where batching brings nothing")
    max_request_tokens: int = Field(
        262_144, ge=1024, description="Most tokens of one request, in windows as the model is given them; beyond: 413"
    )
    workers: int | None = Field(
        None, ge=1, le=256, description="Calls at the same time; not set: one per processor; python: one"
    )


class Cache(Strict):
    """What the model said of a text or row is kept, and said again without asking it."""

    rows: int = Field(0, ge=0, le=1_000_000, description="Most texts or rows that are kept; 0: none")
    megabytes: int = Field(64, ge=1, le=4096, description="Most memory that they take, in MB of 2²⁰ bytes")
