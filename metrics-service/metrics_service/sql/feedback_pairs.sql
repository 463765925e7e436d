WITH counted AS (
    SELECT prediction_label, actual_label, CASE WHEN NOT is_trusted THEN given_by END AS caller, count(*) AS n
    FROM metrics.feedback WHERE predicted_at >= :start AND predicted_at < :end AND {{chosen}} GROUP BY 1, 2, 3
), weighed AS (
    SELECT *, CASE WHEN caller IS NULL THEN 1
        ELSE least(1, :caller_limit / sum(n) OVER (PARTITION BY caller)) END AS weight
    FROM counted
)
SELECT prediction_label, actual_label, sum(n)::bigint AS n, sum(n * weight)::double precision AS weight
FROM weighed WHERE actual_label IS NOT NULL GROUP BY 1, 2
