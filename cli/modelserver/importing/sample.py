"""Rows of data that a model knows: what its inputs are, and what the converted model is compared on.

A data frame is the user's own (pandas); a row is what a request would send.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from modelserver.errors import UsageError
from modelserver.inputs import DeclaredInput
from modelserver.libraries import library

Frame = Any
"""A data frame of pandas."""

Row = dict[str, Any]
"""What a request sends: name → value; what is missing is left out."""

MOST_ROWS = 10_000
"""Of a larger sample so many are used, evenly spread."""

MOST_WORDS, MOST_LETTERS = 200, 60
"""A column with more different values, or longer ones, is text and no category."""


@dataclass(frozen=True)
class Sample:
    """`words`: column → all values of a category, where the model knows more than the sample shows."""

    frame: Frame
    types: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def inputs(self) -> list[DeclaredInput]:
        """What the columns are, in their order."""
        return [
            declared(self.frame[name], self.types.get(name), self.words.get(name, ())) for name in self.frame.columns
        ]

    @cached_property
    def rows(self) -> list[Row]:
        """The rows as requests."""
        columns = [[plain(value, each.type) for value in self.frame[each.name]] for each in self.inputs]
        names = [each.name for each in self.inputs]
        return [
            {name: value for name, value in zip(names, values, strict=True) if value is not None}
            for values in zip(*columns, strict=True)
        ]

    def of_columns(self, names: Sequence[str]) -> "Sample":
        """With these columns only, in this order. Raises UsageError for one that is not there."""
        if missing := [name for name in names if name not in self.frame.columns]:
            raise UsageError(
                f"the sample has no column {', '.join(missing[:5])}; the model takes {', '.join(names[:20])}"
            )
        return Sample(self.frame[list(names)], self.types, self.words)

    def with_words(self, words: Mapping[str, Sequence[str]]) -> "Sample":
        """With what the model itself knows of categories."""
        return Sample(self.frame, self.types, {**self.words, **words})


def sample_of(frame: Frame, types: Mapping[str, str] | None = None) -> Sample:
    """A sample of at most MOST_ROWS rows. `types`: column → type, where it is known better. Raises UsageError."""
    frame = frame.reset_index(drop=True)
    if not len(frame):
        raise UsageError("the sample has no rows")
    if len(frame) > MOST_ROWS:
        frame = frame.iloc[:: math.ceil(len(frame) / MOST_ROWS)].reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    if unknown := set(types or {}) - set(frame.columns):
        raise UsageError(f"the sample has no column {', '.join(sorted(unknown))}")
    return Sample(frame, types or {})


def read_frame(path: Path) -> Frame:
    """A CSV or Parquet file. Raises UsageError."""
    pandas = library("pandas")
    try:
        return pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def declared(column: Any, type_: str | None, words: Sequence[str]) -> DeclaredInput:
    """What a column is. Raises UsageError for a type that its values do not have."""
    present = column.dropna()
    type_ = type_ or ("category" if words else type_of(present))
    options: dict[str, Any] = {"required": False} if len(present) < len(column) else {}
    if type_ == "category":
        found = sorted({str(value) for value in present})
        options |= {"values": [*words, *(value for value in found if value not in words)]}
        if not options["values"]:
            raise UsageError(f"the column {column.name} has no values; leave it out, or give a fuller sample")
    return DeclaredInput(str(column.name), type_, options)


def type_of(present: Any) -> str:
    """The type of an input whose known values these are."""
    types = library("pandas").api.types
    if types.is_bool_dtype(present) or (len(present) and present.map(type).eq(bool).all()):
        return "boolean"
    if types.is_integer_dtype(present):
        return "integer"
    if types.is_numeric_dtype(present):
        return "number"
    if types.is_datetime64_any_dtype(present):
        return "timestamp"
    if isinstance(present.dtype, library("pandas").CategoricalDtype):
        return "category"
    different = {str(value) for value in present}
    few = len(different) <= MOST_WORDS and len(different) * 2 <= max(len(present), 4)
    return "category" if few and max(map(len, different), default=0) <= MOST_LETTERS else "text"


def plain(value: Any, type_: str) -> Any:
    """A value as JSON has it; None where there is none."""
    if value is None or value != value or str(value) in {"NaT", "<NA>"}:
        return None
    if type_ in {"text", "category"}:
        return str(value)
    if type_ == "timestamp":
        moment = value if value.tzinfo else value.tz_localize("UTC")
        return moment.isoformat().replace("+00:00", "Z")
    return {"boolean": bool, "integer": int, "number": float}[type_](value)
