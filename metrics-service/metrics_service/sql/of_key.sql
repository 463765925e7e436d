SELECT model_name, model_version, sum(predictions)::bigint AS predictions,
    sum(confidence_sum) / nullif(sum(predictions - without_confidence), 0) AS average_confidence,
    sum(time_sum) / sum(predictions) AS average_inference_time_ms
FROM (
    SELECT model_name, model_version, predictions, without_confidence, confidence_sum, time_sum
    FROM metrics.key_rollup
    WHERE key_id = :key_id AND minutes = 60 AND bucket >= :start AND bucket < :end
    UNION ALL
    SELECT model_name, model_version, predictions, without_confidence, confidence_sum, time_sum
    FROM metrics.key_batch
    WHERE key_id = :key_id AND hour >= :start AND hour < :end
) AS counted
WHERE model_name = coalesce(:model_name, model_name)
GROUP BY model_name, model_version
ORDER BY predictions DESC, model_name, model_version
LIMIT 100
