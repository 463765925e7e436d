SELECT prediction_id, model_name, model_version, task_type, prediction_label, prediction_value, labels
FROM predictions.prediction WHERE prediction_id = ANY (:ids)
