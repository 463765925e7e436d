"""The same numbers from the raw rows, by the plainest query: what the rollups are held against."""

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


async def aggregate(
    connection: asyncpg.Connection, start: datetime, end: datetime, task_type: str | None, model_name: str | None
) -> dict:
    chosen = (start, end, task_type, model_name)
    labels = dict(await connection.fetch(LABELS, *chosen))
    return {**await connection.fetchrow(AGGREGATE, *chosen), "label_distribution": labels}
