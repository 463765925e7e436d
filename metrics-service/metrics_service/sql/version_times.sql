-- How long the predictions of each version of a selection took, over `rollup`.
WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{buckets}}),
ends AS ({{ends}}),
extreme AS (
    SELECT model_name, model_version, min(low) AS low, max(high) AS high FROM (
        SELECT model_name, model_version, time_min AS low, time_max AS high FROM buckets
        UNION ALL
        SELECT model_name, model_version, inference_time_ms, inference_time_ms FROM ends
    ) AS part GROUP BY model_name, model_version
), cell AS (
    SELECT model_name, model_version, bin, sum(n)::bigint AS n FROM (
        SELECT model_name, model_version, unnest(time_bins) AS bin, unnest(time_counts) AS n FROM buckets
        UNION ALL
        SELECT model_name, model_version, metrics.time_bin(inference_time_ms), 1 FROM ends
    ) AS part GROUP BY bin, model_name, model_version
)
SELECT model_name, model_version, low, high, array_agg(bin) AS bins, array_agg(n) AS bin_counts
FROM cell JOIN extreme USING (model_name, model_version)
GROUP BY model_name, model_version, low, high
