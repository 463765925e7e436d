SELECT model_version, baseline FROM predictions.model
WHERE model_name = :model_name AND (CAST(:model_version AS text) IS NULL OR model_version = :model_version)
    AND baseline IS NOT NULL
ORDER BY seen_at > now() - interval '60 seconds' DESC,
    string_to_array(model_version, '.')::bigint[] DESC LIMIT 1
