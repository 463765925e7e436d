"""`golden.jsonl`: what must come out for some inputs. A version that says something else is not served.

One row a line: `{"text": …}` or `{"inputs": {…}}`, and `"expect"`, by task:

| task | `expect` |
| --- | --- |
| classification, multilabel | `{"label": "…"}` or `{"scores": {"label": 0.9, …}, "tolerance": 0.01}` |
| regression | `{"value": 3.5, "tolerance": 0.01}` |
| embedding | `{"vector": […], "tolerance": 0.001}` |
| generic | `{"outputs": {"name": …}, "tolerance": 0.001}` |

A tolerance is absolute; not given: 0.001.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prediction_service.batching.runtime import ModelError, Runtime
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import faults_of
from prediction_service.models.folders.plain_files import read_plain
from prediction_service.models.trials.examination import outputs_of
from prediction_service.signature.signature import InputFaults, Instance, Signature
from prediction_service.tasks.generic import plain
from prediction_service.tasks.task import Finding

FILE_NAME = "golden.jsonl"

MOST_BYTES, MOST_ROWS = 4 << 20, 1000


class Expectation(BaseModel):
    """What must come out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str | None = None
    scores: dict[str, float] | None = None
    value: float | None = None
    vector: list[float] | None = None
    outputs: dict[str, Any] | None = None
    tolerance: float = Field(1e-3, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """Raises ValueError for a row that everything would pass."""
        if not any(given is not None for given in (self.scores, self.value, self.vector, self.outputs)) and (
            "label" not in self.model_fields_set
        ):
            raise ValueError("says nothing that must come out: label, scores, value, vector or outputs")
        if self.scores == {} or self.outputs == {}:
            raise ValueError("names no score or output")
        return self

    def fault(self, finding: Finding) -> str | None:
        """What is different; None when all is as expected."""
        if "label" in self.model_fields_set and finding.label != self.label:
            return f"label {finding.label!r} and not {self.label!r}"
        for name, expected, found in self._pairs(finding):
            if not is_close(expected, plain(found), self.tolerance):
                return f"{name} {shortened(plain(found))} and not {shortened(expected)} (within {self.tolerance:g})"
        return None

    def _pairs(self, finding: Finding) -> Iterator[tuple[str, Any, Any]]:
        """Name, what is expected, and what was found, of all that is expected but the label."""
        if self.value is not None:
            yield "value", self.value, finding.value
        if self.vector is not None:
            yield "vector", self.vector, finding.raw.get("vector")
        for name, score in (self.scores or {}).items():
            yield f"score of {name!r}", score, finding.raw.get("scores", {}).get(name)
        for name, value in (self.outputs or {}).items():
            yield f"output {name}", value, finding.raw.get("outputs", {}).get(name)


class GoldenLine(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = None
    inputs: dict[str, Any] | None = None
    expect: Expectation

    @model_validator(mode="after")
    def is_one_row(self) -> Self:
        """Raises ValueError for a text beside inputs, one of which would not be asked."""
        if self.text is not None and self.inputs is not None:
            raise ValueError("text stands beside inputs; say one of them")
        return self


class Golden(NamedTuple):
    """A golden row: its number, what it is, what must come out."""

    number: int
    instance: Instance
    expect: Expectation


class GoldenSummary(NamedTuple):
    """What of the golden rows everybody may know."""

    rows: int = 0
    largest_tolerance: float | None = None
    """Of their numbers, absolute; None: there are no rows."""


NO_GOLDEN_ROWS = GoldenSummary()


def golden_summary(folder: Path, signature: Signature) -> GoldenSummary:
    """Of the rows in the file. Raises ModelError, with the row's number."""
    tolerances = [row.expect.tolerance for row in golden_rows(folder, signature)]
    return GoldenSummary(len(tolerances), max(tolerances, default=None))


def check_golden(folder: Path, runtime: Runtime, manifest: Manifest) -> None:
    """Raises ModelError that names the first row for which something else comes out. No file: nothing is expected."""
    for row in golden_rows(folder, manifest.signature):
        try:
            (output,) = outputs_of(runtime, [row.instance], manifest)
        except ModelError as error:
            raise ModelError(f"{FILE_NAME}: row {row.number}: {error}") from error
        if fault := row.expect.fault(manifest.task.finding(output)):
            raise ModelError(f"{FILE_NAME}: row {row.number} gives {fault}")


def golden_rows(folder: Path, signature: Signature) -> list[Golden]:
    """What is in the file; nothing if there is none. Raises ModelError, with the row's number."""
    try:
        content = read_plain(folder / FILE_NAME, MOST_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ModelError(f"{FILE_NAME} has more than {MOST_BYTES:,} bytes")
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if len(lines) > MOST_ROWS:
        raise ModelError(f"{FILE_NAME} has more than {MOST_ROWS:,} rows")
    return [golden_row(number, line, signature) for number, line in lines]


def golden_row(number: int, line: bytes, signature: Signature) -> Golden:
    """One line. Raises ModelError."""
    try:
        parsed = GoldenLine.model_validate(json.loads(line))
        given: Mapping[str, Any] = {"text": parsed.text} if parsed.inputs is None else parsed.inputs
        if parsed.inputs is None and parsed.text is not None and not signature.is_plain_text:
            given = {signature.names[0]: parsed.text} if signature.takes_text() else {"text": parsed.text}
        return Golden(number, signature.read(given), parsed.expect)
    except ValidationError as error:
        raise ModelError(f"{FILE_NAME}: row {number}: {faults_of(error)}") from error
    except InputFaults as error:
        raise ModelError(f"{FILE_NAME}: row {number}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{FILE_NAME}: row {number} is not JSON: {error}") from error


def is_close(expected: Any, found: Any, tolerance: float) -> bool:
    """Whether nested values are alike, but for the tolerance in their numbers."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(
            is_close(one, other, tolerance) for one, other in zip(expected, found, strict=True)
        )
    if is_number(expected) and is_number(found):
        return bool(abs(expected - found) <= tolerance)
    return bool(expected == found)


def is_number(value: Any) -> bool:
    """Whether it is one; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shortened(value: Any) -> str:
    """The beginning of a value."""
    told = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return told if len(told) <= 80 else f"{told[:80]}…"
