INSERT INTO metrics.feedback AS stored (
    prediction_id, predicted_at, model_name, model_version, task_type, prediction_label, actual_label,
    given_by, is_trusted
)
SELECT prediction_id, created_at, model_name, model_version, task_type, prediction_label, given.actual_label,
    :given_by, :is_trusted
FROM unnest(:ids, :labels) AS given (id, actual_label)
JOIN predictions.prediction ON prediction_id = given.id
ORDER BY prediction_id
ON CONFLICT (prediction_id) DO UPDATE SET
    actual_label = excluded.actual_label, given_at = now(),
    given_by = excluded.given_by, is_trusted = excluded.is_trusted
WHERE excluded.is_trusted OR NOT stored.is_trusted AND stored.given_by = excluded.given_by
RETURNING prediction_id, prediction_label, actual_label, given_at
