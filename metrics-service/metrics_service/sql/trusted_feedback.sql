SELECT prediction_id FROM metrics.feedback WHERE prediction_id = ANY (:ids) AND is_trusted
