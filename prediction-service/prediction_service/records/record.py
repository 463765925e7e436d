"""What is stored of a prediction. The columns are listed here and nowhere else in this service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, get_type_hints

import orjson


class Record(NamedTuple):
    """One row of predictions.prediction: its columns, each with its type in Postgres.

    What a task has no such thing of is None: a regression has no label and maybe no confidence, an embedding neither.
    `prediction_value`: a regression's value, an embedding's norm; finite, its absolute value at most 1e150.
    `input_bins`: one per input of the manifest, in its order, by the edges and values of the model's `baseline.json`
    (shared.contracts.baseline), -1 for a missing one, None for an input without bins. `labels`: of a multilabel model
    all that are above their thresholds, maybe none. `caller`: the digest of who asked (shared.http.caller), None when
    no gateway told; `key_id`: of the key with which they did, None without one.
    """

    prediction_id: Annotated[str, "uuid"]
    created_at: Annotated[datetime, "timestamptz"]
    model_name: Annotated[str, "text"]
    model_version: Annotated[str, "text"]
    task_type: Annotated[str, "text"]
    prediction_label: Annotated[str | None, "text"]
    confidence: Annotated[float | None, "double precision"]
    inference_time_ms: Annotated[float, "double precision"]
    input_length: Annotated[int, "integer"]
    metrics_data: Annotated[dict[str, Any], "jsonb"]
    text: Annotated[str | None, "text"] = None
    prediction_value: Annotated[float | None, "double precision"] = None
    input_bins: Annotated[Sequence[int | None] | None, "smallint[]"] = None
    inputs: Annotated[dict[str, Any] | None, "jsonb"] = None
    labels: Annotated[Sequence[str] | None, "text[]"] = None
    caller: Annotated[str | None, "uuid"] = None
    key_id: Annotated[str | None, "uuid"] = None


COLUMN_TYPES: dict[str, str] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Record, include_extras=True).items()
}
"""Column → its type in Postgres, in the order of the fields."""

IS_TEXT = tuple(kind == "jsonb" or kind.endswith("[]") for kind in COLUMN_TYPES.values())
"""For each column whether Postgres is given a text for its values."""

OPTIONAL = tuple(Record._field_defaults)
"""Columns that most records have nothing in."""


def filled(record: Record) -> dict[str, Any]:
    """The fields by name, without the optional ones that are None: Record(**filled(record)) is the record again."""
    found = record._asdict()
    for name in OPTIONAL:
        if found[name] is None:
            del found[name]
    return found


def columns(records: Sequence[Record]) -> list[list[Any]]:
    """The records transposed: one list per column, in the order of the fields."""
    transposed = zip(*records, strict=True) if records else [()] * len(IS_TEXT)
    return [
        list(map(as_parameter, values) if is_text else values)
        for values, is_text in zip(transposed, IS_TEXT, strict=True)
    ]


def as_parameter(value: Any) -> Any:
    """As asyncpg takes it: JSON is text, and so is an array: one of arrays would need rows of one length."""
    if value is None:  # as most of them are
        return None
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return array_literal(value) if isinstance(value, (list, tuple)) else value


def array_literal(values: Sequence[int | str | None]) -> str:
    """An array as Postgres writes it: `{1,NULL,-1}`, `{"one","another"}`."""
    return "{" + ",".join(map(element, values)) + "}"


def element(value: int | str | None) -> str:
    """One of its elements; text in quotes, as it may hold anything."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)
