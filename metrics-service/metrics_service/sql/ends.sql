-- The raw rows of those ends of a selection that the rollups do not cover; without a label they have '', as there.
SELECT model_name, model_version, task_type, coalesce(prediction_label, '') AS prediction_label, confidence,
    inference_time_ms, input_length, prediction_value, labels, input_bins
FROM edges
CROSS JOIN LATERAL (
    SELECT * FROM predictions.prediction
    WHERE created_at >= edges.first AND created_at < edges.until AND NOT is_whole
) AS prediction
WHERE {{chosen}}
