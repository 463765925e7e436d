INSERT INTO metrics.feedback AS stored (
    prediction_id, predicted_at, model_name, model_version, task_type, prediction_label, actual_label,
    prediction_value, actual_value, prediction_labels, actual_labels, given_by, is_trusted, key_id
)
SELECT prediction_id, created_at, model_name, model_version, task_type,
    CASE WHEN given.actual_label IS NOT NULL THEN prediction_label END, given.actual_label,
    CASE WHEN given.actual_value IS NOT NULL THEN prediction_value END, given.actual_value,
    -- In one order, so that equal sets are equal arrays.
    CASE WHEN actual.labels IS NOT NULL THEN ARRAY(
        SELECT label FROM unnest(prediction.labels) AS one (label) ORDER BY label COLLATE "C"
    ) END, actual.labels,
    :given_by, :is_trusted AND (:trusted_on IS NULL OR model_name = ANY (:trusted_on)), :key_id
FROM unnest(:ids, :labels, :values, :sets) AS given (id, actual_label, actual_value, actual_set)
CROSS JOIN LATERAL (
    SELECT CASE WHEN given.actual_set IS NOT NULL THEN ARRAY(
        SELECT label FROM jsonb_array_elements_text(given.actual_set::jsonb) AS one (label) ORDER BY label COLLATE "C"
    ) END AS labels
) AS actual
JOIN predictions.prediction ON prediction_id = given.id
ORDER BY prediction_id
ON CONFLICT (prediction_id) DO UPDATE SET
    prediction_label = excluded.prediction_label, actual_label = excluded.actual_label,
    prediction_value = excluded.prediction_value, actual_value = excluded.actual_value,
    prediction_labels = excluded.prediction_labels, actual_labels = excluded.actual_labels,
    given_at = now(), given_by = excluded.given_by, is_trusted = excluded.is_trusted, key_id = excluded.key_id
WHERE excluded.is_trusted OR NOT stored.is_trusted AND stored.given_by = excluded.given_by
RETURNING prediction_id, prediction_label, actual_label, prediction_value, actual_value, prediction_labels,
    actual_labels, given_at
