"""The same numbers from the raw rows, by the plainest query: what the rollups are held against."""

import json
from datetime import datetime

import asyncpg

AGGREGATE = """
    SELECT count(*) AS total_predictions, avg(confidence) AS average_confidence,
        avg(inference_time_ms) AS average_inference_time_ms,
        min(inference_time_ms) AS min_inference_time_ms, max(inference_time_ms) AS max_inference_time_ms,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY inference_time_ms) AS p50_inference_time_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY inference_time_ms) AS p95_inference_time_ms,
        percentile_cont(0.99) WITHIN GROUP (ORDER BY inference_time_ms) AS p99_inference_time_ms
    FROM predictions.prediction
    WHERE created_at >= $1 AND created_at < $2 AND ($3::text IS NULL OR task_type = $3)
        AND ($4::text IS NULL OR model_name = $4)
"""
LABELS = """
    SELECT prediction_label, count(*) FROM predictions.prediction
    WHERE prediction_label IS NOT NULL AND created_at >= $1 AND created_at < $2 AND ($3::text IS NULL OR task_type = $3)
        AND ($4::text IS NULL OR model_name = $4)
    GROUP BY 1
"""

VALUES = """
    SELECT count(*) AS predictions, sum(prediction_value) AS sum, avg(prediction_value) AS average,
        min(prediction_value) AS min, max(prediction_value) AS max,
        array_agg(prediction_value ORDER BY prediction_value) AS in_order,
        percentile_cont(0.05) WITHIN GROUP (ORDER BY prediction_value) AS p05,
        percentile_cont(0.25) WITHIN GROUP (ORDER BY prediction_value) AS p25,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY prediction_value) AS p50,
        percentile_cont(0.75) WITHIN GROUP (ORDER BY prediction_value) AS p75,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY prediction_value) AS p95
    FROM predictions.prediction
    WHERE prediction_value IS NOT NULL AND created_at >= $1 AND created_at < $2 AND ($3::text IS NULL OR task_type = $3)
        AND ($4::text IS NULL OR model_name = $4)
"""
LABEL_SETS = """
    SELECT count(*) AS predictions, avg(cardinality(labels))::float8 AS average_labels, (
        SELECT jsonb_object_agg(label, n) FROM (
            SELECT label, count(*) AS n FROM predictions.prediction, unnest(labels) AS label
            WHERE created_at >= $1 AND created_at < $2 AND ($3::text IS NULL OR task_type = $3)
                AND ($4::text IS NULL OR model_name = $4)
            GROUP BY label
        ) AS cell
    ) AS counts
    FROM predictions.prediction
    WHERE labels IS NOT NULL AND created_at >= $1 AND created_at < $2 AND ($3::text IS NULL OR task_type = $3)
        AND ($4::text IS NULL OR model_name = $4)
"""

JUDGED_VALUES = "SELECT count(*) FROM metrics.feedback WHERE actual_value IS NOT NULL"


async def aggregate(
    connection: asyncpg.Connection, start: datetime, end: datetime, task_type: str | None, model_name: str | None
) -> dict:
    """Errors of values are not computed here: no row may have been judged."""
    chosen = (start, end, task_type, model_name)
    assert await connection.fetchval(JUDGED_VALUES) == 0
    labels = dict(await connection.fetch(LABELS, *chosen))
    values, sets = await connection.fetchrow(VALUES, *chosen), await connection.fetchrow(LABEL_SETS, *chosen)
    counts = json.loads(sets["counts"] or "{}")
    return {
        **await connection.fetchrow(AGGREGATE, *chosen),
        "label_distribution": labels,
        "values": dict(values) if values["predictions"] else None,
        "labels": {
            "predictions": sets["predictions"],
            "average_labels": sets["average_labels"],
            "shares": {label: n / sets["predictions"] for label, n in counts.items()},
        }
        if sets["predictions"]
        else None,
        "errors": None,
    }
