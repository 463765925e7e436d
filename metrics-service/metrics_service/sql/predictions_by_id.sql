SELECT prediction_id, model_name, model_version, prediction_label FROM predictions.prediction WHERE prediction_id = ANY (:ids)
