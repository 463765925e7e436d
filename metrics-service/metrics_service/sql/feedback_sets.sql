-- Judgements of whole sets of labels: a row for each label, and one without a label for all of them together. Equal
-- judgements are counted before their labels are looked at.
WITH counted AS (
    SELECT prediction_labels, actual_labels, CASE WHEN NOT is_trusted THEN given_by END AS caller, count(*) AS n
    FROM metrics.feedback WHERE predicted_at >= :start AND predicted_at < :end AND {{chosen}} GROUP BY 1, 2, 3
), weighed AS (
    SELECT *, CASE WHEN caller IS NULL THEN 1
        ELSE least(1, :caller_limit / sum(n) OVER (PARTITION BY caller)) END AS weight
    FROM counted
), judged AS MATERIALIZED (
    SELECT prediction_labels, actual_labels, sum(n)::bigint AS n, sum(n * weight)::double precision AS weight
    FROM weighed WHERE actual_labels IS NOT NULL GROUP BY 1, 2
)
SELECT NULL AS label, sum(n)::bigint AS predicted, sum(n)::bigint AS actual,
    sum(weight) AS predicted_weight, sum(weight) AS actual_weight,
    coalesce(sum(weight) FILTER (WHERE prediction_labels = actual_labels), 0) AS right_weight
FROM judged HAVING count(*) > 0
UNION ALL
SELECT label, coalesce(sum(n) FILTER (WHERE was), 0)::bigint, coalesce(sum(n) FILTER (WHERE should), 0)::bigint,
    coalesce(sum(weight) FILTER (WHERE was), 0), coalesce(sum(weight) FILTER (WHERE should), 0),
    coalesce(sum(weight) FILTER (WHERE was AND should), 0)
FROM judged CROSS JOIN LATERAL (
    SELECT coalesce(predicted, actual) AS label, predicted IS NOT NULL AS was, actual IS NOT NULL AS should
    FROM unnest(prediction_labels) AS predicted FULL JOIN unnest(actual_labels) AS actual ON predicted = actual
) AS one
GROUP BY label
