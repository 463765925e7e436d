-- The newest pairs of a rollout, counted; one object.
WITH pair AS MATERIALIZED (
    SELECT *, error IS NULL AS computed, confidence - stable_confidence AS surer,
        inference_time_ms - stable_time_ms AS slower
    FROM predictions.shadow
    WHERE model_name = :model_name AND started_at = :started_at
    ORDER BY made_at DESC LIMIT {{most}}
), confusion AS (
    SELECT stable_label AS stable, prediction_label AS candidate, count(*) AS predictions
    FROM pair WHERE computed AND (stable_label IS NOT NULL OR prediction_label IS NOT NULL)
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
), far AS (
    SELECT * FROM pair WHERE computed AND (distance > 0 OR NOT agrees)
    ORDER BY NOT coalesce(agrees, false) DESC, distance DESC NULLS LAST, made_at DESC LIMIT 10
)
SELECT
    count(*) AS requests,
    count(*) FILTER (WHERE NOT computed) AS errors,
    min(made_at) AS since, max(made_at) AS until,
    count(agrees) AS judged, count(*) FILTER (WHERE agrees) AS agreeing,
    count(distance) AS distances, avg(distance) AS distance, var_samp(distance) AS distance_variance,
    max(distance) AS largest,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY distance) AS distance_quantiles,
    count(surer) AS confident, avg(confidence) FILTER (WHERE surer IS NOT NULL) AS confidence,
    avg(stable_confidence) FILTER (WHERE surer IS NOT NULL) AS stable_confidence, var_samp(surer) AS surer_variance,
    count(slower) AS timed, avg(inference_time_ms) AS time_ms,
    avg(stable_time_ms) FILTER (WHERE slower IS NOT NULL) AS stable_time_ms, var_samp(slower) AS slower_variance,
    (SELECT coalesce(jsonb_agg(to_jsonb(confusion)), '[]') FROM confusion)::text AS confusion,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(side, bin, n)), '[]') FROM (
        SELECT side, metrics.confidence_bin(sure) AS bin, count(*) AS n
        FROM pair, LATERAL (VALUES ('stable', stable_confidence), ('candidate', confidence)) AS one (side, sure)
        WHERE computed AND sure IS NOT NULL GROUP BY 1, 2
    ) AS counted)::text AS confidences,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(side, bin, n)), '[]') FROM (
        SELECT side, metrics.value_bin(value) AS bin, count(*) AS n
        FROM pair, LATERAL (VALUES ('stable', stable_value), ('candidate', prediction_value)) AS one (side, value)
        WHERE computed AND value IS NOT NULL GROUP BY 1, 2
    ) AS counted)::text AS values,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'prediction_id', far.prediction_id, 'timestamp', far.made_at,
        'stable_label', far.stable_label, 'candidate_label', far.prediction_label,
        'stable_confidence', far.stable_confidence, 'candidate_confidence', far.confidence,
        'stable_value', far.stable_value, 'candidate_value', far.prediction_value, 'distance', far.distance,
        'text', recorded.text, 'inputs', recorded.inputs
    ) ORDER BY NOT coalesce(far.agrees, false) DESC, far.distance DESC NULLS LAST, far.made_at DESC), '[]')
    FROM far LEFT JOIN predictions.prediction AS recorded
        ON recorded.prediction_id = far.prediction_id AND recorded.created_at = far.made_at)::text AS disagreements
FROM pair
