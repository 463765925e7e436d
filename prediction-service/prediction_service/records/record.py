"""What is kept of a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """One row of predictions.prediction."""

    prediction_id: str
    created_at: datetime
    model_name: str
    model_version: str
    task_type: str
    prediction_label: str
    confidence: float
    inference_time_ms: float
    input_length: int
    metrics_data: dict[str, Any]
    text: str | None = None


def columns(records: Sequence[Record]) -> tuple[list[Any], ...]:
    """The records turned on their side: one list per column, in the order of the fields."""
    return (
        [record.prediction_id for record in records],
        [record.created_at for record in records],
        [record.model_name for record in records],
        [record.model_version for record in records],
        [record.task_type for record in records],
        [record.prediction_label for record in records],
        [record.confidence for record in records],
        [record.inference_time_ms for record in records],
        [record.input_length for record in records],
        [orjson.dumps(record.metrics_data).decode() for record in records],
        [record.text for record in records],
    )
