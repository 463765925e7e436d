SELECT model_name, model_version, labels FROM predictions.model WHERE model_name = ANY (:names)
