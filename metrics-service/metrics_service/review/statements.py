"""What is asked of Postgres for a review: put together from the words below, values apart; pure."""

from collections.abc import Sequence
from uuid import UUID

from metrics_service.predictions.filter import Filter
from metrics_service.predictions.statements import (
    COLUMNS,
    NEWEST_FIRST,
    ROLLUP_TESTS,
    TESTS,
    Statement,
    source,
    tests_of,
)  # fmt: skip
from metrics_service.review.marks import InputMark
from metrics_service.windows.window import Window, floor_to
from shared.database import rollup_widths

FINE_WINDOW = 180
"""Minutes up to which a window is counted by minutes, beyond by hours."""

MOST_COUNTED = 20_000
"""Labels, and bins of inputs."""

TEXT_COMPARED = 4000
"""Characters of a text; longer ones that begin alike are alike."""

ALIKE = f"""CASE
    WHEN prediction.text IS NOT NULL THEN md5(btrim(lower(
        regexp_replace(left(prediction.text, {TEXT_COMPARED}), '[[:space:][:punct:]]+', ' ', 'g'))))
    WHEN prediction.inputs IS NOT NULL THEN md5(prediction.inputs::text)
    WHEN prediction.confidence IS NOT NULL OR prediction.prediction_value IS NOT NULL THEN md5(jsonb_build_array(
        prediction.model_version, prediction.prediction_label, prediction.labels, prediction.confidence,
        prediction.prediction_value, prediction.input_length, prediction.input_bins)::text)
    ELSE prediction.prediction_id::text END"""
"""Texts apart from case and punctuation, or inputs; where neither is stored, what the model made of them, to all
digits: a model that is asked the same says the same."""


def looked(asked: Filter, windows: Sequence[Window], moved: Sequence[InputMark], limit: int) -> Statement:
    """The newest predictions of windows that do not overlap, with what a review has to know of them."""
    found = Statement()
    tests = list(tests_of(asked, TESTS, found))
    predictions = source(windows, tests, found)
    versions, keys = found.value([mark.model_version for mark in moved]), found.value([mark.key for mark in moved])
    start = f"{found.value(min(window.start for window in windows))}::timestamptz"
    end = f"{found.value(max(window.end for window in windows))}::timestamptz"
    found.text = f"""
        SELECT prediction.prediction_id, prediction.created_at, prediction.model_version, prediction.task_type,
            prediction.prediction_label, prediction.confidence, {ALIKE} AS alike,
            feedback.prediction_id IS NOT NULL AS has_feedback, shadow.candidate_version,
            shadow.prediction_label AS candidate_label, shadow.agrees, shadow.distance,
            (SELECT min(key) FROM unnest({versions}::text[], {keys}::integer[]) AS mark (version, key)
                WHERE version = prediction.model_version
                    AND prediction.input_bins[key / 65536 + 1] = key % 65536 - 1) AS moved
        FROM (
            SELECT prediction.* FROM {predictions} ORDER BY {NEWEST_FIRST} LIMIT {found.value(limit)}
        ) AS prediction
        LEFT JOIN metrics.feedback ON feedback.prediction_id = prediction.prediction_id
            AND feedback.predicted_at >= {start} AND feedback.predicted_at < {end}
        LEFT JOIN predictions.shadow ON shadow.prediction_id = prediction.prediction_id
            AND shadow.made_at = prediction.created_at AND shadow.made_at >= {start} AND shadow.made_at < {end}
            AND shadow.error IS NULL"""  # noqa: S608 - our own words; values apart
    return found


def in_both(asked: Filter, window: Window, found: Statement) -> tuple[str, str]:
    """What buckets of a window and of as long a time before it are, and what tells its own from those."""
    minutes = (window.end - window.start).total_seconds() / 60
    width = rollup_widths.MINUTE if minutes <= FINE_WINDOW else rollup_widths.HOUR
    start = floor_to(width, window.start)
    before = floor_to(width, start - (window.end - window.start))
    tests = " AND ".join(tests_of(asked, ROLLUP_TESTS, found))
    within = f"minutes = {found.value(width)} AND bucket >= {found.value(before)}::timestamptz"
    return (
        f"{within} AND bucket < {found.value(window.end)}::timestamptz AND {tests}",
        f"bucket >= {found.value(start)}::timestamptz",
    )


def labels(asked: Filter, window: Window) -> Statement:
    """How often each label was said, in the window and before it. `asked` names a model."""
    found = Statement()
    within, is_now = in_both(asked, window, found)
    found.text = f"""
        SELECT prediction_label AS label, coalesce(sum(predictions) FILTER (WHERE {is_now}), 0)::bigint AS now,
            coalesce(sum(predictions) FILTER (WHERE NOT {is_now}), 0)::bigint AS before
        FROM metrics.rollup WHERE {within} AND prediction_label <> ''
        GROUP BY 1 LIMIT {MOST_COUNTED}"""  # noqa: S608 - as above
    return found


def inputs(asked: Filter, window: Window) -> Statement:
    """How often an input fell into each of its bins, in the window and before it, and how often it was there at all."""
    found = Statement()
    within, is_now = in_both(asked, window, found)
    found.text = f"""
        SELECT counted.*, input_names[key / 65536 + 1] AS name,
            sum(now) OVER of_input AS all_now, sum(before) OVER of_input AS all_before
        FROM (
            SELECT model_version, key, coalesce(sum(number) FILTER (WHERE {is_now}), 0)::integer AS now,
                coalesce(sum(number) FILTER (WHERE NOT {is_now}), 0)::integer AS before
            FROM metrics.input_rollup, unnest(input_bins, input_counts) AS cell (key, number)
            WHERE {within} GROUP BY 1, 2 LIMIT {MOST_COUNTED}
        ) AS counted
        LEFT JOIN predictions.model ON model.model_name = {found.value(asked.model_name)}
            AND model.model_version = counted.model_version
        WINDOW of_input AS (PARTITION BY counted.model_version, key / 65536)"""  # noqa: S608 - as above
    return found


def whole(ids: Sequence[UUID], window: Window) -> Statement:
    """Predictions by their ids, within a window, that nobody has judged meanwhile."""
    found = Statement()
    names, start, end = found.value(list(ids)), found.value(window.start), found.value(window.end)
    found.text = f"""
        SELECT {COLUMNS} FROM predictions.prediction
        LEFT JOIN metrics.feedback ON feedback.prediction_id = prediction.prediction_id
        WHERE prediction.prediction_id = ANY ({names}::uuid[]) AND prediction.created_at >= {start}::timestamptz
            AND prediction.created_at < {end}::timestamptz AND feedback.prediction_id IS NULL"""  # noqa: S608 - as above
    return found
