"""`model.toml`: what a person writes about a model. Unknown keys are errors, so that a typing mistake is seen."""

import codecs
import os
import re
import stat
import tomllib
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from shared.contracts.metrics import TaskType
from shared.settings.opening import without_waiting

FILE_NAME = "model.toml"


def printable(label: str) -> str:
    """Raises ValueError for a label that no chart or log could show, or that looks like another one."""
    shown = JOINED.sub("", label)
    if label != label.strip() or any(unicodedata.category(character) in UNPRINTABLE for character in shown):
        raise ValueError("a label has no blanks around it and nothing in it that cannot be printed")
    return label


UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is no sign: control characters, those without width or for the direction of writing,
halves of pairs, line and paragraph separators."""

PICTURES = r"\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
JOINED = re.compile(
    rf"(?<=[\ufe0f{PICTURES}])\u200d(?=[{PICTURES}])"  # two pictures to one: 👩‍💻
    "|(?<=[\u0600-\u0dff])[\u200c\u200d](?=[\u0600-\u0dff])"  # letters, in the scripts from Arabic to Sinhala
    "|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f"  # flags of parts of countries
)
"""Where signs without width belong to a word."""

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""In longer texts: what turns the direction of writing, and what nobody sees."""


def without_hidden(text: str) -> str:
    """Raises ValueError for a text that does not say what it seems to say."""
    if HIDDEN.search(text):
        raise ValueError("has a sign in it that nobody sees, or that turns the direction of writing")
    return text


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(without_hidden)]

Label = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
"""What stands in answers, in the record and in charts: `C#`, `5 stars (best)`, `😀`, whatever the model was taught."""


class ManifestError(ValueError):
    """A manifest that cannot be read or makes no sense; the message is for the model's author."""


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
    description: Text = ""
    source: Text = Field("", description="Where it comes from, under which licence")
    runtime: LexiconOptions | OnnxOptions = Field(discriminator="kind")
    batching: Batching = Batching()

    @field_validator("labels")
    @classmethod
    def labels_are_unique(cls, labels: list[str]) -> list[str]:
        """Raises ValueError when a label stands there twice."""
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        return labels


MOST_BYTES = 2 << 20
"""Of a manifest; ten thousand labels take a tenth."""

CHEAP_BYTES, CHEAP_DOTS = 64 << 10, 100
"""What is parsed within the service: TOML of this size, with no more dots in a line, takes milliseconds, whatever it
says. (A key of many dotted parts takes the square of their number.)"""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. Raises ManifestError."""
    return parsed(content_of(folder))


def check_cheaply(folder: Path) -> None:
    """Raises ManifestError for a manifest with which no trial is worth while, if that can be told in no time."""
    content = content_of(folder)
    if len(content) <= CHEAP_BYTES and max(line.count(b".") for line in content.split(b"\n")) <= CHEAP_DOTS:
        parsed(content)


def content_of(folder: Path) -> bytes:
    """The manifest's bytes. Raises ManifestError."""
    try:
        with open(folder / FILE_NAME, "rb", opener=without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ManifestError(f"{FILE_NAME} is not a plain file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(f"has no {FILE_NAME}") from None
    except OSError as error:
        raise ManifestError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ManifestError(f"{FILE_NAME} has more than {MOST_BYTES:,} bytes")
    return content


def parsed(content: bytes) -> Manifest:
    """What it says. Raises ManifestError."""
    try:
        return Manifest.model_validate(tomllib.loads(decoded(content)))
    except ManifestError:
        raise
    except ValidationError as error:
        raise ManifestError(f"{FILE_NAME}: {faults_of(error)}") from error
    except RecursionError:
        raise ManifestError(f"{FILE_NAME} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError; and numbers that Python does not read
        told = "has a number of more digits than any setting" if "digits" in str(error) else f"is not TOML: {error}"
        raise ManifestError(f"{FILE_NAME} {told}") from error


def faults_of(error: ValidationError) -> str:
    """The first faults, each with its place, as short as a person can read them."""
    found = error.errors(include_input=False, include_url=False)
    told = [f"{'.'.join(map(str, fault['loc']))[:MOST_PLACE]}: {fault['msg']}" for fault in found[:MOST_FAULTS]]
    more = [f"and {len(found) - MOST_FAULTS} more"] if len(found) > MOST_FAULTS else []
    return "; ".join(told + more)


MOST_FAULTS, MOST_PLACE = 10, 200


def decoded(content: bytes) -> str:
    """TOML is UTF-8; some Windows editors put a mark (BOM) before it, and some write UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{FILE_NAME} is UTF-16; save it as UTF-8")
    return content.decode("utf-8-sig").replace("\r\n", "\n")
