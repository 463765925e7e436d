WITH counted AS (
    SELECT CASE WHEN NOT is_trusted THEN given_by END AS caller, {{is_right}} AS is_right,
        count(*)::double precision AS said
    FROM metrics.feedback WHERE predicted_at >= :start AND predicted_at < :end AND {{chosen}} GROUP BY 1, 2
), limited AS (
    SELECT *, CASE WHEN caller IS NULL THEN said
        ELSE said * least(1, :caller_limit / sum(said) OVER (PARTITION BY caller)) END AS weight
    FROM counted
), ranked AS (
    SELECT *, nth_value(weight, {{agreeing}}) OVER (
        PARTITION BY is_right, caller IS NULL ORDER BY weight DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS agreed
    FROM limited
)
SELECT is_right, sum(said)::bigint AS said,
    sum(CASE WHEN caller IS NULL THEN weight ELSE least(weight, coalesce(agreed, 0)) END) AS weight,
    (SELECT count(DISTINCT coalesce(caller, '')) FROM counted) AS callers
FROM ranked GROUP BY is_right
