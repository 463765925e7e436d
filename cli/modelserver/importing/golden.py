"""Golden rows from a sample: rows of every kind, and what the original says about them."""

import json
from collections.abc import Sequence
from typing import Any

from modelserver.importing.comparison import tolerances
from modelserver.importing.original import Numbers
from modelserver.importing.sample import Row
from modelserver.libraries import library

ROWS = 24

SLACK = 2.0
"""Other processors round otherwise: a golden row may differ by so many times what an import may."""


def golden_lines(rows: Sequence[Row], numbers: Numbers, labels: Sequence[str], task: str, *, text: bool) -> list[str]:
    """Lines of `golden.jsonl`. `text`: the model declares no inputs, and takes the row's only value."""
    allowed = SLACK * tolerances(numbers, task)
    lines = []
    for row in chosen(numbers, task):
        tolerance = float(library("numpy").max(allowed[row]))
        given = {"text": next(iter(rows[row].values()))} if text else {"inputs": rows[row]}
        expect = {**expected(numbers[row], labels, task), "tolerance": float(f"{tolerance:.3g}")}
        lines.append(json.dumps({**given, "expect": expect}, ensure_ascii=False))
    return lines


def chosen(numbers: Numbers, task: str) -> list[int]:
    """Rows from the lowest number to the highest, for each label in turn."""
    numpy = library("numpy")
    columns = numbers.reshape(len(numbers), -1)
    if task == "classification":
        columns = columns[:, : columns.shape[1] if columns.shape[1] > 2 else 1]
    each = max(ROWS // min(columns.shape[1], ROWS), 2)
    found: dict[int, None] = {}
    for column in columns.T[:ROWS]:
        order = numpy.argsort(column, kind="stable")
        found |= dict.fromkeys(order[numpy.linspace(0, len(order) - 1, each).astype(int)].tolist())
    return list(found)[: 2 * ROWS]


def expected(numbers: Any, labels: Sequence[str], task: str) -> dict[str, Any]:
    """What must come out, as `expect` has it."""
    values = [float(number) for number in library("numpy").atleast_1d(numbers)]
    if task == "regression":
        return {"value": values[0]}
    if task == "embedding":
        return {"vector": values}
    return {"scores": dict(zip(labels, values, strict=True))}
