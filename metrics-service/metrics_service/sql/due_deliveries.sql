SELECT * FROM (
    SELECT DISTINCT ON (webhook, model_name) * FROM metrics.alert_delivery
    WHERE delivered_at IS NULL AND webhook = ANY (:webhooks)
    ORDER BY webhook, model_name, delivery_id
) AS first_in_line
WHERE next_attempt_at <= :now ORDER BY next_attempt_at, delivery_id LIMIT :most
