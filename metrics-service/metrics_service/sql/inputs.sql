-- How the inputs of a selection are distributed, over `input_rollup`: what is counted there, what is still to be counted,
-- and the raw rows of the ends. Of a bin: 65536 * position of the input + 1 + bin.
WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{counted_buckets}}),
batches AS MATERIALIZED (
    SELECT batch.*, array_length(input_bins, 2) AS width FROM ({{parts}}) AS part
    JOIN metrics.input_batch AS batch ON batch.minute >= part.first AND batch.minute < part.until
    WHERE {{chosen}}
),
ends AS ({{ends}}),
cell AS (
    SELECT model_version, bin, sum(n)::bigint AS n FROM (
        SELECT model_version, unnest(input_bins) AS bin, unnest(input_counts) AS n FROM buckets
        UNION ALL
        SELECT model_version, unnest(input_bins) + 1
            + 65536 * (generate_series(0, cardinality(input_bins) - 1) % width), 1 FROM batches
        UNION ALL
        SELECT model_version, unnest(input_bins) + 1 + 65536 * generate_series(0, cardinality(input_bins) - 1), 1
        FROM ends WHERE cardinality(input_bins) > 0
    ) AS counted WHERE bin IS NOT NULL GROUP BY model_version, bin
)
SELECT model_version, array_agg(bin) AS bins, array_agg(n) AS counts FROM cell GROUP BY model_version
