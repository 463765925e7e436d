SELECT model_name, model_version, task_type FROM predictions.model
WHERE seen_at > now() - :loaded_seconds * interval '1 second'
UNION
SELECT DISTINCT model_name, model_version, task_type FROM metrics.rollup WHERE minutes = {{day}}
