SELECT prediction_id, model_name, model_version FROM predictions.prediction WHERE prediction_id = ANY (:ids)
