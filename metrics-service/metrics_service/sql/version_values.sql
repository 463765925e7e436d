-- The values of each version of a selection, over `value_rollup`.
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
    SELECT model_name, model_version, bin, sum(n)::bigint AS n FROM (
        SELECT model_name, model_version, unnest(value_bins) AS bin, unnest(value_counts) AS n FROM buckets
        UNION ALL
        SELECT model_name, model_version, metrics.value_bin(prediction_value), 1
        FROM ends WHERE prediction_value IS NOT NULL
    ) AS part GROUP BY bin, model_name, model_version
), histogram AS (
    SELECT model_name, model_version, array_agg(bin) AS bins, array_agg(n) AS bin_counts
    FROM cell GROUP BY model_name, model_version
)
SELECT * FROM series JOIN histogram USING (model_name, model_version)
