WITH part AS MATERIALIZED (
    SELECT date_bin(:width * interval '1 minute', bucket, :epoch) AS start, rollup.*
    FROM metrics.rollup
    WHERE minutes = :minutes AND bucket >= :start AND bucket < :end
        AND {{chosen}}
), label AS (
    SELECT start, prediction_label, sum(predictions)::bigint AS predictions,
        sum(without_confidence)::bigint AS without_confidence, sum(confidence_sum) AS confidence_sum,
        sum(time_sum) AS time_sum, min(time_min) AS time_min, max(time_max) AS time_max,
        bool_or(task_type <> 'classification') AS is_other
    FROM part GROUP BY start, prediction_label
), cell AS (
    SELECT start, bin, sum(n)::bigint AS n
    FROM (SELECT start, unnest(time_bins) AS bin, unnest(time_counts) AS n FROM part) AS counted
    GROUP BY start, bin
), histogram AS (
    SELECT start, array_agg(bin) AS bins, array_agg(n) AS bin_counts FROM cell GROUP BY start
)
SELECT start, array_agg(prediction_label) AS labels, array_agg(predictions) AS label_counts,
    sum(without_confidence)::bigint AS without_confidence, sum(confidence_sum) AS confidence_sum,
    sum(time_sum) AS time_sum, min(time_min) AS time_min, max(time_max) AS time_max, bins, bin_counts,
    bool_or(is_other) AS has_other_tasks
FROM label JOIN histogram USING (start)
GROUP BY start, bins, bin_counts
