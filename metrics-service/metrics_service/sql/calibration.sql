-- The newest judgements of a window with the confidence of their predictions, by tenths of that. Where sets of labels
-- were judged, the confidence is that of the surest label: right if it is in the set.
WITH judged AS (
    SELECT prediction_id, predicted_at, prediction_label = actual_label AS is_right, actual_labels,
        CASE WHEN NOT is_trusted THEN given_by END AS caller
    FROM metrics.feedback WHERE predicted_at >= :start AND predicted_at < :end AND {{chosen}}
        AND (actual_label IS NOT NULL OR actual_labels IS NOT NULL)
    ORDER BY predicted_at DESC LIMIT {{most}}
), weighed AS (
    SELECT *, CASE WHEN caller IS NULL THEN 1
        ELSE least(1, :caller_limit / count(*) OVER (PARTITION BY caller)) END AS weight
    FROM judged
)
SELECT least(floor(confidence * {{bins}}), {{bins}} - 1)::integer AS bin, count(*) AS n,
    sum(weight)::double precision AS weight, sum(weight * confidence)::double precision AS confidence,
    coalesce(sum(weight) FILTER (WHERE coalesce(is_right, surest_label = ANY (actual_labels))), 0)::double precision AS right_weight,
    (SELECT count(*) FROM judged) AS judged
FROM weighed CROSS JOIN LATERAL (
    -- One look into an index each, whatever the planner thinks of it, in the days of the window alone.
    SELECT confidence, prediction.prediction_label AS surest_label FROM predictions.prediction AS prediction
    WHERE prediction.prediction_id = weighed.prediction_id AND created_at = predicted_at
        AND created_at >= :start AND created_at < :end
    LIMIT 1
) AS recorded
WHERE confidence IS NOT NULL GROUP BY 1 ORDER BY 1
