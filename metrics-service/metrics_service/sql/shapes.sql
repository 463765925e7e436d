WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{buckets}}),
ends AS ({{ends}}),
-- The bins first, as in aggregate.sql.
end_cell AS MATERIALIZED (
    SELECT model_version, prediction_label, metrics.confidence_bin(confidence) AS confidence_bin,
        metrics.length_bin(input_length) AS length_bin, bool_or(task_type = 'multilabel') AS has_sets, count(*) AS n
    FROM ends GROUP BY 3, 4, 1, 2
), series AS (
    SELECT model_version, prediction_label, sum(n)::bigint AS n, bool_or(has_sets) AS has_sets FROM (
        SELECT model_version, prediction_label, predictions, task_type = 'multilabel' FROM buckets
        UNION ALL SELECT model_version, prediction_label, n, has_sets FROM end_cell
    ) AS counted (model_version, prediction_label, n, has_sets) GROUP BY model_version, prediction_label
), cell AS (
    SELECT bin, sum(n)::bigint AS n FROM (
        SELECT unnest(shape_bins) AS bin, unnest(shape_counts) AS n FROM buckets
        UNION ALL SELECT confidence_bin, n FROM end_cell
        UNION ALL SELECT length_bin, n FROM end_cell
    ) AS counted WHERE bin IS NOT NULL GROUP BY bin
)
SELECT (SELECT array_agg(model_version) FROM series) AS versions,
    (SELECT array_agg(prediction_label) FROM series) AS labels, (SELECT array_agg(n) FROM series) AS counts,
    (SELECT bool_or(has_sets) FROM series) AS has_sets,
    (SELECT array_agg(bin) FROM cell) AS bins, (SELECT array_agg(n) FROM cell) AS bin_counts
