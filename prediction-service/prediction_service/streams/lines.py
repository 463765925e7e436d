"""Lines of predictions: CSV and NDJSON."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from prediction_service.models.model import Model
from prediction_service.predict import Predicted
from prediction_service.streams.row import Row

OUTPUT_OF_TASK = {"multilabel": "labels", "embedding": "vector", "generic": "outputs"}
"""Task → what of its whole output a line has, beside label, confidence and value."""

COLUMNS = ("row", "prediction_id", "prediction_label", "confidence", "prediction_value")
ERROR = "error"
JSON = orjson.OPT_SERIALIZE_NUMPY


class CsvLines:
    """A LineWriter. `passed` gives the names of the columns that are passed through, once the header has come.

    Nothing comes behind the last row: a CSV is complete when the response has its proper end, and its last row says
    how far one that broke off came.
    """

    def __init__(self, model: Model, passed: Callable[[], Sequence[str]]) -> None:
        self._extra = OUTPUT_OF_TASK.get(model.manifest.task_type)
        self._passed = passed

    def head(self) -> bytes:
        """The header."""
        extra = [self._extra] if self._extra else []
        return csv_line([*self._passed(), *COLUMNS, *extra, ERROR])

    def prediction(self, row: Row, predicted: Predicted) -> bytes:
        """What is null is an empty cell, what is no single value is JSON."""
        record = predicted.record
        cells = [
            *row.passed,
            str(row.number),
            record.prediction_id,
            record.prediction_label or "",
            "" if record.confidence is None else repr(record.confidence),
            "" if record.prediction_value is None else repr(record.prediction_value),
        ]
        if self._extra:
            cells.append(orjson.dumps(predicted.raw_output[self._extra], option=JSON).decode())
        return csv_line([*cells, ""])

    def error(self, row: Row, reason: str) -> bytes:
        """Empty but for its number and the reason."""
        return csv_line([*row.passed, *self._without_prediction(row.number), reason])

    def _without_prediction(self, number: int) -> list[str]:
        return [str(number), *[""] * (len(COLUMNS) - 1 + bool(self._extra))]

    def end(self, rows: int, failed: int) -> bytes:
        """Nothing: whatever reads CSV would take it for a row."""
        return b""

    def broken(self, rows: int, failed: int, reason: str) -> bytes:
        """A row that says why there are no more."""
        return csv_line(
            [*[""] * len(self._passed()), *self._without_prediction(rows + 1), f"The stream ends: {reason}"]
        )


class NdjsonLines:
    """A LineWriter."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._extra = OUTPUT_OF_TASK.get(model.manifest.task_type)

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def prediction(self, row: Row, predicted: Predicted) -> bytes:
        """What is passed through, the row's number, the prediction."""
        record = predicted.record
        line: dict[str, Any] = {
            **row.passed,
            "row": row.number,
            "prediction_id": record.prediction_id,
            "prediction_label": record.prediction_label,
            "confidence": record.confidence,
            "prediction_value": record.prediction_value,
        }
        if self._extra:
            line[self._extra] = predicted.raw_output[self._extra]
        return json_line(line)

    def error(self, row: Row, reason: str) -> bytes:
        """The row's number and the reason."""
        return json_line({**row.passed, "row": row.number, ERROR: reason})

    def end(self, rows: int, failed: int) -> bytes:
        """That it is complete."""
        return json_line({"done": True, "rows": rows, "failed": failed, **self._model_names()})

    def broken(self, rows: int, failed: int, reason: str) -> bytes:
        """That it is not."""
        return json_line({"done": False, "rows": rows, "failed": failed, **self._model_names(), ERROR: reason})

    def _model_names(self) -> dict[str, str]:
        return {"model_name": self._model.name, "model_version": self._model.version}


def csv_line(cells: Sequence[str]) -> bytes:
    """One record; quotes where RFC 4180 wants them."""
    return (",".join([quoted(cell) for cell in cells]) + "\r\n").encode()


def quoted(cell: str) -> str:
    """A cell."""
    if '"' in cell:
        return '"' + cell.replace('"', '""') + '"'
    return f'"{cell}"' if "," in cell or "\n" in cell or "\r" in cell else cell


def json_line(content: dict[str, Any]) -> bytes:
    """One line of NDJSON."""
    return orjson.dumps(content, option=JSON | orjson.OPT_APPEND_NEWLINE)
