SELECT model_version, input_names, baseline -> 'inputs' AS inputs FROM predictions.model
WHERE model_name = :model_name AND input_names IS NOT NULL AND baseline ? 'inputs'
