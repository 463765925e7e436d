"""A prediction's columns are those of its table, by name and by type, and each record stands in its own row of them."""

from datetime import UTC, datetime

from sqlalchemy.dialects import postgresql

from prediction_service.records.record import COLUMN_TYPES, Record, columns
from shared.database.tables.predictions import prediction

SHORT = {"timestamp with time zone": "timestamptz"}


def test_they_are_those_of_the_table() -> None:
    types = {column.name: column.type.compile(postgresql.dialect()).lower() for column in prediction.c}
    assert {name: SHORT.get(kind, kind) for name, kind in types.items()} == COLUMN_TYPES


def test_records_are_turned_on_their_side() -> None:
    now = datetime.now(UTC)
    one = Record("1", now, "a", "1.0.0", "classification", "good", 0.75, 1.5, 7, {"batch_rows": 1})
    other = Record("2", now, "b", "2.0.0", "classification", "bad", 0.5, 2.5, 3, {}, "bad")
    assert dict(zip(COLUMN_TYPES, columns([one, other]), strict=True)) == {
        "prediction_id": ["1", "2"],
        "created_at": [now, now],
        "model_name": ["a", "b"],
        "model_version": ["1.0.0", "2.0.0"],
        "task_type": ["classification", "classification"],
        "prediction_label": ["good", "bad"],
        "confidence": [0.75, 0.5],
        "inference_time_ms": [1.5, 2.5],
        "input_length": [7, 3],
        "metrics_data": ['{"batch_rows":1}', "{}"],
        "text": [None, "bad"],
        "prediction_value": [None, None],
        "input_bins": [None, None],
        "inputs": [None, None],
        "labels": [None, None],
        "caller": [None, None],
        "key_id": [None, None],
    }
    assert columns([]) == [[]] * len(COLUMN_TYPES)
