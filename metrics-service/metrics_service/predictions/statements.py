"""What is asked of Postgres about predictions: put together from the words below, values apart; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from metrics_service.predictions.cursor import Position
from metrics_service.predictions.filter import FeedbackWanted, Filter
from metrics_service.windows.window import Window

NEWEST_FIRST = "prediction.created_at DESC, prediction.prediction_id DESC"

COLUMNS = """prediction.prediction_id, prediction.created_at, prediction.model_name, prediction.model_version,
    prediction.task_type, prediction.prediction_label, prediction.labels, prediction.confidence,
    prediction.prediction_value, prediction.inference_time_ms, prediction.input_length, prediction.metrics_data,
    prediction.text, prediction.inputs, prediction.caller, prediction.key_id,
    feedback.actual_label, feedback.actual_value, feedback.actual_labels, feedback.given_at, feedback.is_trusted,
    feedback.key_id AS feedback_key_id"""
"""Of a prediction and of what was said of it, if anything was."""

TESTS = {
    "model_name": "prediction.model_name = {}",
    "model_version": "prediction.model_version = {}",
    "task_type": "prediction.task_type = {}",
    "label": "(prediction.prediction_label = {0} OR {0} = ANY (prediction.labels))",
    "min_confidence": "prediction.confidence >= {}",
    "max_confidence": "prediction.confidence <= {}",
    "min_value": "prediction.prediction_value >= {}",
    "max_value": "prediction.prediction_value <= {}",
    "caller": "prediction.caller = {} AND prediction.created_at >= predictions.callers_since()",
    "key_id": "prediction.key_id = {}",
}
"""By the field of a filter, what a prediction must be."""

ROLLUP_TESTS = {
    "model_name": "model_name = {}",
    "model_version": "model_version = {}",
    "task_type": "task_type = {}",
    # Of several labels only the surest is known here.
    "label": "(prediction_label = {} OR task_type = 'multilabel')",
}
"""By the field of a filter, what a rollup must be to have counted such a prediction."""


@dataclass(slots=True)
class Statement:
    """A text with $1, $2 … and their values; `value` is the only one that changes it."""

    text: str = ""
    values: list[Any] = field(default_factory=list)

    def value(self, value: object) -> str:
        """The place in the text of one more value."""
        self.values.append(value)
        return f"${len(self.values)}"


def counted(asked: Filter, minutes: int, window: Window) -> Statement:
    """Of each bucket of so many minutes how many predictions are meant, at most, and how many there are in all.

    Newest first, and none where none is meant. The window begins and ends with a bucket.
    """
    found = Statement()
    width, start, end = found.value(minutes), found.value(window.start), found.value(window.end)
    within = f"minutes = {width} AND bucket >= {start}::timestamptz AND bucket < {end}::timestamptz"
    tests = " AND ".join(tests_of(asked, ROLLUP_TESTS, found)) or "true"
    found.text = f"""
        SELECT * FROM (
            SELECT bucket, sum(predictions) FILTER (WHERE {tests})::bigint AS meant, sum(predictions)::bigint AS of_all
            FROM metrics.rollup WHERE {within} GROUP BY bucket
        ) AS counted WHERE meant > 0 ORDER BY bucket DESC"""  # noqa: S608 - our own words; values apart
    return found


def tests_of(asked: Filter, words: dict[str, str], found: Statement) -> Iterator[str]:
    """What is tested for each field that is asked for."""
    for name, test in words.items():
        if (wanted := getattr(asked, name)) is not None:
            yield test.format(found.value(wanted))


def rows(
    asked: Filter, windows: Sequence[Window], after: Position | None, limit: int | None = None, columns: str = COLUMNS
) -> Statement:
    """The predictions that are meant, of windows that do not overlap and after a place, newest first."""
    found = Statement()
    tests = list(tests_of(asked, TESTS, found))
    if after is not None:
        at, last = found.value(after.created_at), found.value(after.prediction_id)
        tests.append(f"(prediction.created_at, prediction.prediction_id) < ({at}::timestamptz, {last}::uuid)")
    is_given = asked.feedback is FeedbackWanted.GIVEN
    found.text = f"""
        SELECT {columns} FROM {source(windows, tests, found)}
        {"" if is_given else "LEFT "}JOIN metrics.feedback ON feedback.prediction_id = prediction.prediction_id
            AND feedback.predicted_at = prediction.created_at
            AND feedback.predicted_at >= {found.value(min(window.start for window in windows))}::timestamptz
            AND feedback.predicted_at < {found.value(max(window.end for window in windows))}::timestamptz
        {"WHERE feedback.prediction_id IS NULL" if asked.feedback is FeedbackWanted.MISSING else ""}
        ORDER BY {NEWEST_FIRST}{"" if limit is None else f" LIMIT {found.value(limit)}"}"""  # noqa: S608 - as above
    return found


def source(windows: Sequence[Window], tests: Sequence[str], found: Statement) -> str:
    """The predictions of these windows, as a table. One window keeps the index's order, so that a LIMIT ends it early.

    OFFSET 0: a look into the index for each window, never a full scan.
    """
    if len(windows) == 1:
        start, end = found.value(windows[0].start), found.value(windows[0].end)
        within = [f"created_at >= {start}::timestamptz", f"created_at < {end}::timestamptz", *tests]
        return f"(SELECT * FROM predictions.prediction WHERE {' AND '.join(within)}) AS prediction"  # noqa: S608 - as above
    starts, ends = found.value([window.start for window in windows]), found.value([window.end for window in windows])
    within = ["created_at >= stretch.start AND created_at < stretch.until", *tests]
    return f"""unnest({starts}::timestamptz[], {ends}::timestamptz[]) AS stretch (start, until)
        CROSS JOIN LATERAL (
            SELECT * FROM predictions.prediction WHERE {" AND ".join(within)} OFFSET 0
        ) AS prediction"""  # noqa: S608 - as above


def one(prediction_id: UUID, window: Window | None) -> Statement:
    """The prediction of this id; of a window, if that is known, so that one partition is looked at and not all."""
    found = Statement()
    tests = [f"prediction.prediction_id = {found.value(prediction_id)}"]
    if window is not None:
        start, end = found.value(window.start), found.value(window.end)
        tests.append(f"prediction.created_at >= {start}::timestamptz AND prediction.created_at < {end}::timestamptz")
    found.text = f"""
        SELECT {COLUMNS} FROM predictions.prediction
        LEFT JOIN metrics.feedback ON feedback.prediction_id = prediction.prediction_id
        WHERE {" AND ".join(tests)} LIMIT 1"""  # noqa: S608 - as above
    return found
