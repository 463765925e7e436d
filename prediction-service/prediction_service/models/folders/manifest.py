"""`model.toml`: what the author writes about a model. Unknown keys are errors, so that typing mistakes show."""

import codecs
import os
import re
import stat
import tomllib
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from shared.contracts.names import TaskType
from shared.settings.opening import without_waiting

FILE_NAME = "model.toml"


def check_label(label: str) -> str:
    """Raises ValueError for a label that charts or logs cannot show, or that looks like another label."""
    checked = ALLOWED_INVISIBLE.sub("", label)
    if label != label.strip() or any(unicodedata.category(character) in UNPRINTABLE for character in checked):
        raise ValueError("a label has no blanks around it and nothing in it that cannot be printed")
    return label


UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of invisible characters: control, format (zero width, direction of writing), lone surrogates,
line and paragraph separators."""

EMOJI = r"\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
ALLOWED_INVISIBLE = re.compile(
    rf"(?<=[\ufe0f{EMOJI}])\u200d(?=[{EMOJI}])"  # joins two emoji to one: 👩‍💻
    "|(?<=[\u0600-\u0dff])[\u200c\u200d](?=[\u0600-\u0dff])"  # letters, in the scripts from Arabic to Sinhala
    "|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f"  # flags of parts of countries
)
"""Where invisible characters are part of correct spelling."""

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Invisible characters, and those that turn the direction of writing, in longer texts."""


def check_text(text: str) -> str:
    """Raises ValueError for a text that contains more, or another order, than what is seen."""
    if HIDDEN.search(text):
        raise ValueError("has a sign in it that nobody sees, or that turns the direction of writing")
    return text


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(check_text)]

Label = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(check_label)]
"""As in responses, records and charts: `C#`, `5 stars (best)`, `😀`, whatever the model was trained on."""


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
    """Everything about a model except its name and version, which are the names of its folders."""

    task_type: TaskType = "classification"
    labels: list[Label] = Field(min_length=1, max_length=10_000)
    description: Text = ""
    source: Text = Field("", description="Where it comes from, under which licence")
    runtime: LexiconOptions | OnnxOptions = Field(discriminator="kind")
    batching: Batching = Batching()

    @field_validator("labels")
    @classmethod
    def labels_are_unique(cls, labels: list[str]) -> list[str]:
        """Raises ValueError when a label appears twice."""
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        return labels


MOST_BYTES = 2 << 20
"""Of a manifest; ten thousand labels take a tenth."""

CHEAP_BYTES, CHEAP_DOTS = 64 << 10, 100
"""Limits for parsing in the service itself rather than in a trial: any TOML within them takes milliseconds. (A key of n
dotted parts takes time in n².)"""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. Raises ManifestError."""
    return parse(content_of(folder))


def check_cheaply(folder: Path) -> None:
    """Raises ManifestError for a wrong manifest before any trial; one that is costly to parse is left to the trial."""
    content = content_of(folder)
    if len(content) <= CHEAP_BYTES and max(line.count(b".") for line in content.split(b"\n")) <= CHEAP_DOTS:
        parse(content)


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


def parse(content: bytes) -> Manifest:
    """The manifest in these bytes. Raises ManifestError."""
    try:
        return Manifest.model_validate(tomllib.loads(decode(content)))
    except ManifestError:
        raise
    except ValidationError as error:
        raise ManifestError(f"{FILE_NAME}: {faults_of(error)}") from error
    except RecursionError:
        raise ManifestError(f"{FILE_NAME} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, and integers of more digits than Python reads
        message = "has a number of more digits than any setting" if "digits" in str(error) else f"is not TOML: {error}"
        raise ManifestError(f"{FILE_NAME} {message}") from error


def faults_of(error: ValidationError) -> str:
    """The first faults, each with its place, in one line."""
    found = error.errors(include_input=False, include_url=False)
    listed = [f"{'.'.join(map(str, fault['loc']))[:MOST_PLACE]}: {fault['msg']}" for fault in found[:MOST_FAULTS]]
    more = [f"and {len(found) - MOST_FAULTS} more"] if len(found) > MOST_FAULTS else []
    return "; ".join(listed + more)


MOST_FAULTS, MOST_PLACE = 10, 200


def decode(content: bytes) -> str:
    """As UTF-8 with or without a byte order mark. Raises ManifestError for UTF-16, which some Windows editors write."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{FILE_NAME} is UTF-16; save it as UTF-8")
    return content.decode("utf-8-sig").replace("\r\n", "\n")
