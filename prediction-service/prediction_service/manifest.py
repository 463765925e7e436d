"""`model.toml`: what a person writes about a model. Unknown keys are errors, so that a typing mistake is seen."""

import codecs
import tomllib
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from shared.contracts.metrics import TaskType

FILE_NAME = "model.toml"


def printable(label: str) -> str:
    """Raises ValueError for a label that no chart or log could show."""
    if label != label.strip() or any(unicodedata.category(character) in UNPRINTABLE for character in label):
        raise ValueError("a label has no blanks around it and nothing in it that cannot be printed")
    return label


UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is no sign: control characters, halves of pairs, line and paragraph separators."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
"""What stands in answers, in the record and in charts: `C#`, `5 stars (best)`, `😀`, whatever the model was taught."""


class ManifestError(ValueError):
    """A manifest that cannot be read or makes no sense; the message is for the model's author."""


class Strict(BaseModel):
    """A table of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LexiconRuntime(Strict):
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


class OnnxRuntime(Strict):
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
    softmax: bool = Field(False, description="Whether the output is logits")


class Batching(Strict):
    """How many texts the model is given at once."""

    max_rows: int = Field(32, ge=1, le=4096, description="Most texts of one call; 1 where batching brings nothing")
    max_request_tokens: int = Field(
        262_144, ge=1024, description="Most tokens of one request, in windows as the model is given them; beyond: 413"
    )
    workers: int | None = Field(None, ge=1, le=256, description="Calls at the same time; not set: one per processor")


class Manifest(Strict):
    """Everything that is known about a model besides its name and version, which are its folders' names."""

    task_type: TaskType = "classification"
    labels: list[Label] = Field(min_length=1, max_length=10_000)
    description: str = Field("", max_length=1000)
    source: str = Field("", max_length=1000, description="Where it comes from, under which licence")
    runtime: LexiconRuntime | OnnxRuntime = Field(discriminator="kind")
    batching: Batching = Batching()

    @field_validator("labels")
    @classmethod
    def labels_are_unique(cls, labels: list[str]) -> list[str]:
        """Raises ValueError when a label stands there twice."""
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        return labels


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. Raises ManifestError."""
    try:
        return Manifest.model_validate(tomllib.loads(decoded((folder / FILE_NAME).read_bytes())))
    except FileNotFoundError:
        raise ManifestError(f"has no {FILE_NAME}") from None
    except OSError as error:
        raise ManifestError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{FILE_NAME} is not TOML: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ManifestError(f"{FILE_NAME}: {'; '.join(faults)}") from error


def decoded(content: bytes) -> str:
    """TOML is UTF-8; some Windows editors put a mark (BOM) before it, and some write UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{FILE_NAME} is UTF-16; save it as UTF-8")
    return content.decode("utf-8-sig").replace("\r\n", "\n")
