WITH part AS MATERIALIZED (
    SELECT date_bin(:width * interval '1 minute', bucket, :epoch) AS start, value_rollup.*
    FROM metrics.value_rollup
    WHERE minutes = :minutes AND bucket >= :start AND bucket < :end
        AND {{chosen}}
), cell AS (
    SELECT start, bin, sum(n)::bigint AS n
    FROM (SELECT start, unnest(value_bins) AS bin, unnest(value_counts) AS n FROM part) AS counted
    GROUP BY start, bin
), histogram AS (
    SELECT start, array_agg(bin) AS bins, array_agg(n) AS bin_counts FROM cell GROUP BY start
)
SELECT start, sum(predictions)::bigint AS predictions, sum(value_sum) AS value_sum,
    min(value_min) AS value_min, max(value_max) AS value_max, bins, bin_counts
FROM part JOIN histogram USING (start)
GROUP BY start, bins, bin_counts
