-- In the order of their names, so that two services which tell at once do not wait for each other in a circle.
WITH told AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS told (
        model_name text, model_version text, task_type text, labels text[], digest text, baseline jsonb,
        input_names text[]
    )
), forgotten AS (
    DELETE FROM predictions.model WHERE seen_at < now() - interval '90 days'
)
INSERT INTO predictions.model AS known (
    model_name, model_version, task_type, labels, digest, baseline, input_names
)
SELECT model_name, model_version, task_type, labels, digest, nullif(baseline, 'null'), input_names FROM told
ORDER BY model_name, model_version
ON CONFLICT (model_name, model_version) DO UPDATE SET
    task_type = excluded.task_type, labels = excluded.labels, digest = excluded.digest, baseline = excluded.baseline,
    input_names = excluded.input_names,
    loaded_at = CASE WHEN known.digest = excluded.digest THEN known.loaded_at ELSE now() END, seen_at = now()
