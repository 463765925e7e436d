"""The shipped examples as tests ask about them: rows that a model has not seen, and what its own library said."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

RELATIVE, NEAR_ZERO = 1e-5, 1e-6
"""Numbers are equal within so much of themselves; those near 0, of which a share means nothing, within so much. All
numbers of the examples that come near 0 are probabilities and parts of vectors of length 1."""

MODELS = {
    "churn": "churn",
    "house-prices": "house-prices",
    "topics": "topics",
    "loss": "loss",
    "hugging-face": "desks",
    "sentences": "sentences",
}
"""Example → its model."""

Said = dict[str, Any]
"""What a path says about a row: `label`, `confidence`, `value`, `scores`, `labels`, `vector`, as far as it has them."""


@dataclass(frozen=True, slots=True)
class Example:
    """One of them. `inputs` is what GET /models says that it takes; `labels` the model's, in order."""

    name: str
    table: list[dict[str, str]]
    inputs: list[dict[str, Any]]
    labels: list[str]

    @property
    def model(self) -> str:
        """As requests name it."""
        return MODELS[self.name]

    @property
    def csv(self) -> bytes:
        """The file."""
        return (EXAMPLES / self.name / "rows.csv").read_bytes()

    def rows(self) -> list[dict[str, Any]]:
        """As JSON has them; an empty cell is a gap, but of a text."""
        types = {declared["name"]: declared["type"] for declared in self.inputs} or {"text": "text"}
        return [
            {name: READERS.get(types[name], str)(row[name]) for name in types if row[name] or types[name] == "text"}
            for row in self.table
        ]

    def expected(self) -> list[Said]:
        """What the library said."""
        return [EXPECTED[self.name](row) for row in self.table]


def table_of(example: str) -> list[dict[str, str]]:
    with (EXAMPLES / example / "rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


READERS: dict[str, Any] = {"number": float, "integer": int, "boolean": lambda word: word == "True"}


def label(row: Mapping[str, str]) -> Said:
    return {"label": row["_label"], "confidence": float(row["_confidence"])}


def value(row: Mapping[str, str]) -> Said:
    return {"value": float(row["_value"])}


def scores(row: Mapping[str, str]) -> Said:
    said = {name.removeprefix("_"): float(number) for name, number in row.items() if name.startswith("_")}
    return {"scores": said, "labels": {name for name, number in said.items() if number >= 0.5}}


def vector(row: Mapping[str, str]) -> Said:
    return {"vector": json.loads(row["_vector"])}


EXPECTED = {
    "churn": label,
    "house-prices": value,
    "topics": scores,
    "loss": value,
    "hugging-face": label,
    "sentences": vector,
}


def near(number: float) -> Any:
    return pytest.approx(number, rel=RELATIVE, abs=NEAR_ZERO)


def assert_same(said: Said, wanted: Said, where: str) -> None:
    """Both say the same, as far as both say anything; a vector that is shown in part is compared in part."""
    both = said.keys() & wanted.keys()
    assert both, f"{where}: nothing to compare in {said} and {wanted}"
    for key in both:
        if key in {"label", "labels"}:
            assert said[key] == wanted[key], f"{where}: {key}"
        elif key == "scores":
            assert said[key] == {name: near(number) for name, number in wanted[key].items()}, where
        elif key == "vector":
            size = min(len(said[key]), len(wanted[key]))
            one, other = np.array(said[key][:size]), np.array(wanted[key][:size])
            assert np.allclose(one, other, rtol=RELATIVE, atol=NEAR_ZERO), f"{where}: {np.abs(one - other).max()}"
        else:
            assert said[key] == near(wanted[key]), f"{where}: {key}"
