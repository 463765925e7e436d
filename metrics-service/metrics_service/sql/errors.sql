-- How far the values of a selection were from what they should have been, over `error_rollup`: of all judgements
-- (is_trusted is null), and of those with the admin token or without.
WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{counted_buckets}}),
part AS (
    SELECT is_trusted, judged, error_sum, square_sum FROM buckets
    UNION ALL
    SELECT is_trusted, 1, error, error * error
    FROM edges CROSS JOIN LATERAL (
        SELECT *, abs(prediction_value - actual_value)::numeric AS error FROM metrics.feedback
        WHERE predicted_at >= edges.first AND predicted_at < edges.until AND NOT is_whole AND actual_value IS NOT NULL
    ) AS judgement
    WHERE {{chosen}}
)
SELECT is_trusted, sum(judged)::bigint AS judged, (sum(error_sum) / sum(judged))::double precision AS mae,
    sqrt(sum(square_sum) / sum(judged))::double precision AS rmse
FROM part GROUP BY GROUPING SETS ((), (is_trusted)) HAVING sum(judged) > 0
