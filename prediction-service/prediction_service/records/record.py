"""What is stored of a prediction. The columns are listed here and nowhere else in this service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, get_type_hints

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """One row of predictions.prediction: its columns, each with its type in Postgres."""

    prediction_id: Annotated[str, "uuid"]
    created_at: Annotated[datetime, "timestamptz"]
    model_name: Annotated[str, "text"]
    model_version: Annotated[str, "text"]
    task_type: Annotated[str, "text"]
    prediction_label: Annotated[str, "text"]
    confidence: Annotated[float, "double precision"]
    inference_time_ms: Annotated[float, "double precision"]
    input_length: Annotated[int, "integer"]
    metrics_data: Annotated[dict[str, Any], "jsonb"]
    text: Annotated[str | None, "text"] = None


COLUMN_TYPES: dict[str, str] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Record, include_extras=True).items()
}
"""Column → its type in Postgres, in the order of the fields."""

READERS = tuple(map(attrgetter, COLUMN_TYPES))


def columns(records: Sequence[Record]) -> list[list[Any]]:
    """The records transposed: one list per column, in the order of the fields."""
    return [[as_parameter(value) for value in map(read, records)] for read in READERS]


def as_parameter(value: Any) -> Any:
    """The value as asyncpg takes it: JSON as text."""
    return orjson.dumps(value).decode() if isinstance(value, dict) else value
