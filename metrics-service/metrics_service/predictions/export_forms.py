"""What an export is written in: for each form the columns as Postgres writes them, and what is made of that; pure.

Postgres itself writes the lines, so that a row costs this process next to nothing.
"""

from enum import StrEnum

from metrics_service.predictions.statements import Statement

UTC_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
CALLER = "replace(prediction.caller::text, '-', '')"
GIVEN_AT, MADE_AT = UTC_TIME.format("feedback.given_at"), UTC_TIME.format("prediction.created_at")

COMMON = f"""prediction.prediction_id, {MADE_AT} AS timestamp, prediction.model_name, prediction.model_version,
    prediction.task_type, prediction.prediction_label, {{labels}} AS labels, prediction.confidence,
    prediction.prediction_value, prediction.inference_time_ms, prediction.input_length,
    {{metrics_data}} AS metrics_data, prediction.text, {{inputs}} AS inputs, {CALLER} AS caller{{key_id}}"""

NESTED = (
    COMMON.format(
        labels="prediction.labels",
        metrics_data="prediction.metrics_data",
        inputs="prediction.inputs",
        key_id=", prediction.key_id",
    )
    + f""", CASE WHEN feedback.prediction_id IS NOT NULL THEN json_build_object(
        'actual_label', feedback.actual_label, 'actual_value', feedback.actual_value,
        'actual_labels', feedback.actual_labels, 'given_at', {GIVEN_AT}, 'is_trusted', feedback.is_trusted,
        'key_id', feedback.key_id
    ) END AS feedback"""
)
"""As `GET /predictions` has them."""

FLAT = (
    COMMON.format(
        labels="to_json(prediction.labels)::text",
        metrics_data="prediction.metrics_data::text",
        inputs="prediction.inputs::text",
        key_id="",
    )
    + f""", feedback.actual_label, {GIVEN_AT} AS feedback_given_at, feedback.is_trusted AS feedback_is_trusted,
        feedback.actual_value, prediction.key_id, feedback.key_id AS feedback_key_id,
        to_json(feedback.actual_labels)::text AS actual_labels"""
)
"""For tables: what is nested is JSON as text."""

FLAT_NAMES = (
    "prediction_id", "timestamp", "model_name", "model_version", "task_type", "prediction_label", "labels",
    "confidence", "prediction_value", "inference_time_ms", "input_length", "metrics_data", "text", "inputs", "caller",
    "actual_label", "feedback_given_at", "feedback_is_trusted", "actual_value", "key_id", "feedback_key_id",
    "actual_labels",
)  # fmt: skip


class Form(StrEnum):
    """What an export is written in."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"

    def media_type(self, *, goes_on: bool) -> str:
        """As responses name it; one that goes on after a place is appended to another, and has no line of names."""
        return MEDIA_TYPES[self].replace("header=present", "header=absent") if goes_on else MEDIA_TYPES[self]

    @property
    def columns(self) -> str:
        """What is selected of each prediction."""
        return NESTED if self is Form.NDJSON else FLAT

    @property
    def head(self) -> bytes:
        """What stands before the first line, unless it goes on after a place."""
        return (",".join(FLAT_NAMES) + "\r\n").encode() if self is Form.CSV else b""

    def lines(self, rows: Statement) -> Statement:
        """The statement whose rows are the lines of this form; Parquet is made of JSON."""
        if self is Form.CSV:
            return rows
        return Statement(f"SELECT row_to_json(line) FROM ({rows.text}) AS line", rows.values)  # noqa: S608 - our words

    @property
    def marks(self) -> tuple[str, str]:
        """Between and around values. JSON has no control characters, so these leave each line of it as it is."""
        return (",", '"') if self is Form.CSV else ("\x02", "\x01")


MEDIA_TYPES = {
    Form.NDJSON: "application/x-ndjson",
    Form.CSV: "text/csv; charset=utf-8; header=present",
    Form.PARQUET: "application/vnd.apache.parquet",
}
