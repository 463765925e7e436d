-- The values of a selection, over `value_rollup`.
WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{buckets}}),
ends AS ({{ends}}),
series AS (
    SELECT model_name, model_version, sum(predictions)::bigint AS predictions,
        sum(value_sum) AS value_sum, min(value_min) AS value_min, max(value_max) AS value_max
    FROM (
        SELECT model_name, model_version, predictions, value_sum, value_min, value_max FROM buckets
        UNION ALL
        SELECT model_name, model_version, 1, prediction_value, prediction_value, prediction_value
        FROM ends WHERE prediction_value IS NOT NULL
    ) AS part GROUP BY model_name, model_version
), cell AS (
    SELECT bin, sum(n)::bigint AS n FROM (
        SELECT unnest(value_bins) AS bin, unnest(value_counts) AS n FROM buckets
        UNION ALL
        SELECT metrics.value_bin(prediction_value), 1 FROM ends WHERE prediction_value IS NOT NULL
    ) AS part GROUP BY bin
)
SELECT array_agg(model_name) AS names, array_agg(model_version) AS versions, array_agg(predictions) AS counts,
    array_agg(value_sum) AS sums, sum(predictions)::bigint AS predictions, sum(value_sum) AS value_sum,
    min(value_min) AS value_min, max(value_max) AS value_max,
    (SELECT array_agg(bin) FROM cell) AS bins, (SELECT array_agg(n) FROM cell) AS bin_counts
FROM series
