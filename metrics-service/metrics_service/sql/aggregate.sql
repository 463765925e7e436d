WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{buckets}}),
ends AS ({{ends}}),
-- The bin first: rows are sorted for their groups, and numbers are compared sooner than words.
end_cell AS MATERIALIZED (
    SELECT model_name, model_version, prediction_label, metrics.time_bin(inference_time_ms) AS bin,
        bool_or(task_type <> 'classification') AS is_other,
        count(*) AS predictions, count(*) - count(confidence) AS without_confidence,
        coalesce(sum(confidence), 0) AS confidence_sum, sum(inference_time_ms) AS time_sum,
        min(inference_time_ms) AS time_min, max(inference_time_ms) AS time_max
    FROM ends GROUP BY 4, 1, 2, 3
), series AS (
    SELECT model_name, model_version, prediction_label, sum(predictions)::bigint AS predictions,
        sum(without_confidence)::bigint AS without_confidence, sum(confidence_sum) AS confidence_sum,
        sum(time_sum) AS time_sum, min(time_min) AS time_min, max(time_max) AS time_max,
        bool_or(is_other) AS is_other
    FROM (
        SELECT model_name, model_version, prediction_label,
            predictions, without_confidence, confidence_sum, time_sum, time_min, time_max,
            task_type <> 'classification' AS is_other FROM buckets
        UNION ALL
        SELECT model_name, model_version, prediction_label,
            predictions, without_confidence, confidence_sum, time_sum, time_min, time_max,
            is_other FROM end_cell
    ) AS part GROUP BY model_name, model_version, prediction_label
), cell AS (
    SELECT bin, sum(n)::bigint AS n FROM (
        SELECT bin, sum(n) AS n
        FROM (SELECT unnest(time_bins) AS bin, unnest(time_counts) AS n FROM buckets) AS counted GROUP BY bin
        UNION ALL
        SELECT bin, predictions FROM end_cell
    ) AS part GROUP BY bin
)
SELECT array_agg(prediction_label) AS labels, array_agg(predictions) AS label_counts,
    array_agg(model_name) AS names, array_agg(model_version) AS versions,
    array_agg(without_confidence) AS without_confidences, array_agg(confidence_sum) AS confidence_sums,
    array_agg(time_sum) AS time_sums,
    sum(without_confidence)::bigint AS without_confidence, sum(confidence_sum) AS confidence_sum,
    sum(time_sum) AS time_sum, min(time_min) AS time_min, max(time_max) AS time_max,
    bool_or(is_other) AS has_other_tasks,
    (SELECT array_agg(bin) FROM cell) AS bins, (SELECT array_agg(n) FROM cell) AS bin_counts
FROM series
